/* Packets: addresses, protocol and ports from the headers in memory. */
#ifndef QUELL_PACKET_H
#define QUELL_PACKET_H

#include <bpf/bpf_endian.h>

#include "fault.h"
#include "kernel_types.h"

/* Parts of the ABI, by their kernel names: include/linux/socket.h, include/linux/net.h, include/uapi/linux/if_ether.h,
 * include/uapi/linux/in.h and in6.h, include/net/tcp_states.h. */
#define QUELL_AF_UNSPEC 0
#define QUELL_AF_INET 2
#define QUELL_AF_INET6 10
#define QUELL_SOCK_STREAM 1
#define QUELL_SOCK_RAW 3
#define QUELL_TCP_TIME_WAIT 6
#define QUELL_TCP_NEW_SYN_RECV 12
#define QUELL_ETH_P_IP 0x0800
#define QUELL_ETH_P_IPV6 0x86dd
#define QUELL_IPPROTO_HOPOPTS 0
#define QUELL_IPPROTO_TCP 6
#define QUELL_IPPROTO_UDP 17
#define QUELL_IPPROTO_DCCP 33
#define QUELL_IPPROTO_ROUTING 43
#define QUELL_IPPROTO_FRAGMENT 44
#define QUELL_IPPROTO_AH 51
#define QUELL_IPPROTO_DSTOPTS 60
#define QUELL_IPPROTO_SCTP 132
#define QUELL_IPPROTO_UDPLITE 136
#define QUELL_IPPROTO_MPTCP 262

/* Headers between that of IPv6 and the transport's that are walked; what follows them has no ports here. */
#define QUELL_EXTENSION_HEADERS 6

union quell_address {
	__u8 bytes[16];
	__u32 words[4];
	__u64 longs[2];
};

struct quell_packet {
	/* 4 or 6; 0: there are no such headers. */
	__u32 version;
	__u32 protocol;
	/* Where the headers in memory end. */
	const unsigned char *end;
	/* QUELL_NO_PORT where there is no header with ports. */
	__u32 source_port;
	__u32 destination_port;
	union quell_address source;
	union quell_address destination;
};

/* As quell_read, from a field of the kernel that has another type of the same size. */
#define quell_read_bytes(to, from, site)                                                                   \
	({                                                                                                 \
		_Static_assert(sizeof(*(to)) == sizeof(*(from)), "sizes differ");                          \
		long __error = bpf_core_read((to), sizeof(*(to)), (from));                                 \
		if (__error)                                                                               \
			quell_fault((site), __error);                                                      \
		__error == 0;                                                                              \
	})

/* Bytes of a packet. */
static __always_inline bool quell_read_header(void *to, __u32 length, const unsigned char *at)
{
	long error = bpf_probe_read_kernel(to, length, at);

	if (error)
		quell_fault(QUELL_FAULT_SOCKET, error);
	return error == 0;
}

static __always_inline bool quell_has_ports(__u32 protocol)
{
	return protocol == QUELL_IPPROTO_TCP || protocol == QUELL_IPPROTO_UDP || protocol == QUELL_IPPROTO_SCTP ||
	       protocol == QUELL_IPPROTO_DCCP || protocol == QUELL_IPPROTO_UDPLITE;
}

static __always_inline bool quell_read_ports(const unsigned char *transport, struct quell_packet *packet)
{
	__u16 ports[2] = {};

	/* A fragment may be too short for them. */
	if (!quell_has_ports(packet->protocol) || transport + sizeof(ports) > packet->end)
		return true;
	if (!quell_read_header(ports, sizeof(ports), transport))
		return false;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	return true;
}

static __always_inline bool quell_read_v4(const unsigned char *at, struct quell_packet *packet)
{
	/* Version and length, 5 bytes, fragment, ttl, protocol, checksum, source, destination. */
	__u8 header[20] = {};

	if (!quell_read_header(header, sizeof(header), at))
		return false;
	if (header[0] >> 4 != 4)
		return true;
	packet->version = 4;
	packet->protocol = header[9];
	packet->source.words[0] = *(__u32 *)&header[12];
	packet->destination.words[0] = *(__u32 *)&header[16];
	/* Only the first fragment has the ports. */
	if (bpf_ntohs(*(__u16 *)&header[6]) & 0x1fff)
		return true;
	return quell_read_ports(at + (header[0] & 15) * 4, packet);
}

static __always_inline bool quell_read_v6(const unsigned char *at, struct quell_packet *packet)
{
	/* Version, class, flow, length, next header, hop limit; source and destination follow. */
	__u8 header[8] = {};

	if (!quell_read_header(header, sizeof(header), at))
		return false;
	if (header[0] >> 4 != 6)
		return true;
	if (!quell_read_header(&packet->source, sizeof(packet->source), at + 8) ||
	    !quell_read_header(&packet->destination, sizeof(packet->destination), at + 24))
		return false;
	packet->version = 6;
	packet->protocol = header[6];
	at += 40;
	for (__u32 i = 0; i < QUELL_EXTENSION_HEADERS; i++) {
		/* Next header, length, and of a fragment its offset. */
		__u8 extension[4] = {};
		__u32 own = packet->protocol;

		if (own != QUELL_IPPROTO_HOPOPTS && own != QUELL_IPPROTO_ROUTING && own != QUELL_IPPROTO_FRAGMENT &&
		    own != QUELL_IPPROTO_AH && own != QUELL_IPPROTO_DSTOPTS)
			break;
		if (!quell_read_header(extension, sizeof(extension), at))
			return false;
		packet->protocol = extension[0];
		if (own == QUELL_IPPROTO_FRAGMENT) {
			if (bpf_ntohs(*(__u16 *)&extension[2]) & 0xfff8)
				return true;
			at += 8;
		} else if (own == QUELL_IPPROTO_AH) {
			at += (extension[1] + 2) * 4;
		} else {
			at += (extension[1] + 1) * 8;
		}
	}
	return quell_read_ports(at, packet);
}

/* Reads the headers of a packet. False: they could not be read. Without headers of the internet protocol, as while the packet
 * is still being built, the version stays 0. */
static __always_inline bool quell_read_packet(struct sk_buff *skb, struct quell_packet *packet)
{
	unsigned char *head = 0;
	__u16 protocol = 0, network = 0;
	__u32 tail = 0;

	if (!quell_read(&protocol, &skb->protocol, QUELL_FAULT_SOCKET) ||
	    !quell_read(&network, &skb->network_header, QUELL_FAULT_SOCKET) ||
	    !quell_read(&tail, &skb->tail, QUELL_FAULT_SOCKET) || !quell_read(&head, &skb->head, QUELL_FAULT_SOCKET))
		return false;
	packet->end = head + tail;
	protocol = bpf_ntohs(protocol);
	if (!head || !network || network == 0xffff)
		return true;
	if (protocol == QUELL_ETH_P_IP)
		return quell_read_v4(head + network, packet);
	if (protocol == QUELL_ETH_P_IPV6)
		return quell_read_v6(head + network, packet);
	return true;
}

#endif
