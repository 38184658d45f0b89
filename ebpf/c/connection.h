/* Sockets, packets and socket addresses: both ends as one record in the slot.
 *
 * An argument without a socket behind it (a null pointer, a family without addresses) has ends without addresses and ports,
 * which match no operator on these. An address may also stand without a port. */
#ifndef QUELL_CONNECTION_H
#define QUELL_CONNECTION_H

#include "packet.h"

/* Which end an address belongs to. */
#define QUELL_SOURCE 0
#define QUELL_DESTINATION 1

static __always_inline struct quell_connection *quell_new_connection(struct quell_arg *arg, __u8 *slot)
{
	struct quell_connection *connection = (struct quell_connection *)slot;

	__builtin_memset(connection, 0, sizeof(*connection));
	connection->source_port = QUELL_NO_PORT;
	connection->destination_port = QUELL_NO_PORT;
	arg->status = QUELL_ARG_OK;
	arg->length = sizeof(*connection);
	return connection;
}

/* What could not be read of a socket leaves no record to compare. */
static __always_inline void quell_unreadable_connection(struct quell_arg *arg, __u32 status)
{
	arg->status = status;
	arg->length = 0;
}

static __always_inline void quell_set_v4(struct quell_connection *connection, __u32 end, __u32 address)
{
	__u8 *bytes = end == QUELL_SOURCE ? connection->source_address : connection->destination_address;

	*(__u32 *)bytes = address;
	if (end == QUELL_SOURCE)
		connection->source_family = QUELL_FAMILY_4;
	else
		connection->destination_family = QUELL_FAMILY_4;
}

/* An IPv6 address; ::ffff:a.b.c.d is the IPv4 address that it stands for. */
static __always_inline void quell_set_v6(struct quell_connection *connection, __u32 end, const __u8 *address)
{
	__u64 *bytes = (__u64 *)(end == QUELL_SOURCE ? connection->source_address : connection->destination_address);
	const __u32 *words = (const __u32 *)address;

	if (words[0] == 0 && words[1] == 0 && words[2] == 0xffff0000U) {
		quell_set_v4(connection, end, words[3]);
		return;
	}
	bytes[0] = ((const __u64 *)address)[0];
	bytes[1] = ((const __u64 *)address)[1];
	if (end == QUELL_SOURCE)
		connection->source_family = QUELL_FAMILY_6;
	else
		connection->destination_family = QUELL_FAMILY_6;
}

/* Addresses of a socket by its family. */
static __always_inline bool quell_read_addresses(struct sock *sk, struct quell_connection *connection)
{
	if (connection->family == QUELL_AF_INET) {
		__u32 source = 0, destination = 0;

		if (!quell_read(&source, &sk->__sk_common.skc_rcv_saddr, QUELL_FAULT_SOCKET) ||
		    !quell_read(&destination, &sk->__sk_common.skc_daddr, QUELL_FAULT_SOCKET))
			return false;
		quell_set_v4(connection, QUELL_SOURCE, source);
		quell_set_v4(connection, QUELL_DESTINATION, destination);
	} else if (connection->family == QUELL_AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		union quell_address source = {}, destination = {};

		if (!quell_read_bytes(&source, &sk->__sk_common.skc_v6_rcv_saddr, QUELL_FAULT_SOCKET) ||
		    !quell_read_bytes(&destination, &sk->__sk_common.skc_v6_daddr, QUELL_FAULT_SOCKET))
			return false;
		quell_set_v6(connection, QUELL_SOURCE, source.bytes);
		quell_set_v6(connection, QUELL_DESTINATION, destination.bytes);
	}
	return true;
}

/* Fills the record from a socket, which is not null. */
static __always_inline bool quell_fill_from_sock(struct sock *sk, struct quell_connection *connection)
{
	__u16 family = 0, source_port = 0, destination_port = 0;
	__u8 state = 0;

	if (!quell_read(&family, &sk->__sk_common.skc_family, QUELL_FAULT_SOCKET) ||
	    !quell_read(&state, &sk->__sk_common.skc_state, QUELL_FAULT_SOCKET) ||
	    !quell_read(&source_port, &sk->__sk_common.skc_num, QUELL_FAULT_SOCKET) ||
	    !quell_read(&destination_port, &sk->__sk_common.skc_dport, QUELL_FAULT_SOCKET) ||
	    !quell_read_bytes(&connection->cookie, &sk->__sk_common.skc_cookie, QUELL_FAULT_SOCKET))
		return false;
	connection->family = family;
	connection->state = state;
	/* What stands for a connection before its handshake is done, and after it was closed, ends before these fields. */
	if (state == QUELL_TCP_NEW_SYN_RECV || state == QUELL_TCP_TIME_WAIT) {
		connection->socket_type = QUELL_SOCK_STREAM;
		connection->protocol = QUELL_IPPROTO_TCP;
	} else {
		connection->socket_type = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_type);
		connection->protocol = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
	}
	if (family != QUELL_AF_INET && family != QUELL_AF_INET6)
		return true;
	/* A raw socket has its protocol where others have their port, and one for echo requests their number. Not bound, or not
	 * connected, is a port 0. */
	if (connection->socket_type != QUELL_SOCK_RAW &&
	    (quell_has_ports(connection->protocol) || connection->protocol == QUELL_IPPROTO_MPTCP)) {
		connection->source_port = source_port ? source_port : QUELL_NO_PORT;
		connection->destination_port = destination_port ? bpf_ntohs(destination_port) : QUELL_NO_PORT;
	}
	return quell_read_addresses(sk, connection);
}

static __always_inline void quell_read_sock(struct sock *sk, struct quell_arg *arg, __u8 *slot)
{
	struct quell_connection *connection = quell_new_connection(arg, slot);

	if (sk && !quell_fill_from_sock(sk, connection))
		quell_unreadable_connection(arg, QUELL_ARG_KERNEL_FAULT);
}

/* A socket that has no `sock` yet has a type at least. */
static __always_inline void quell_read_socket(struct socket *socket, struct quell_arg *arg, __u8 *slot)
{
	struct quell_connection *connection = quell_new_connection(arg, slot);
	struct sock *sk = 0;
	short type = 0;

	if (!socket)
		return;
	if (!quell_read(&sk, &socket->sk, QUELL_FAULT_SOCKET) || !quell_read(&type, &socket->type, QUELL_FAULT_SOCKET)) {
		quell_unreadable_connection(arg, QUELL_ARG_KERNEL_FAULT);
		return;
	}
	connection->socket_type = (__u16)type;
	if (sk && !quell_fill_from_sock(sk, connection))
		quell_unreadable_connection(arg, QUELL_ARG_KERNEL_FAULT);
}

/* A packet: its own addresses and ports where it has headers yet, else those of its socket; the state is the socket's. */
static __always_inline void quell_read_skb(struct sk_buff *skb, struct quell_arg *arg, __u8 *slot)
{
	struct quell_connection *connection = quell_new_connection(arg, slot);
	struct quell_packet packet = { .source_port = QUELL_NO_PORT, .destination_port = QUELL_NO_PORT };
	struct sock *sk = 0;

	if (!skb)
		return;
	if (!quell_read(&sk, &skb->sk, QUELL_FAULT_SOCKET) || !quell_read_packet(skb, &packet)) {
		quell_unreadable_connection(arg, QUELL_ARG_KERNEL_FAULT);
		return;
	}
	/* A socket that cannot be read must not hide the packet's own addresses. */
	if (sk && !quell_fill_from_sock(sk, connection) && !packet.version) {
		quell_unreadable_connection(arg, QUELL_ARG_KERNEL_FAULT);
		return;
	}
	if (!packet.version)
		return;
	connection->family = packet.version == 4 ? QUELL_AF_INET : QUELL_AF_INET6;
	connection->protocol = packet.protocol;
	connection->source_port = packet.source_port;
	connection->destination_port = packet.destination_port;
	__builtin_memset(connection->source_address, 0, sizeof(connection->source_address));
	__builtin_memset(connection->destination_address, 0, sizeof(connection->destination_address));
	if (packet.version == 4) {
		quell_set_v4(connection, QUELL_SOURCE, packet.source.words[0]);
		quell_set_v4(connection, QUELL_DESTINATION, packet.destination.words[0]);
	} else {
		quell_set_v6(connection, QUELL_SOURCE, packet.source.bytes);
		quell_set_v6(connection, QUELL_DESTINATION, packet.destination.bytes);
	}
}

/* `length` (a constant) bytes from where the caller says, which may be user memory. */
static __always_inline bool quell_read_given(void *to, __u32 length, __u64 pointer, bool kernel, struct quell_arg *arg)
{
	long error = kernel ? bpf_probe_read_kernel(to, length, (const void *)pointer) :
			      bpf_probe_read_user(to, length, (const void *)pointer);

	if (!error)
		return true;
	if (kernel)
		quell_fault(QUELL_FAULT_KERNEL_BUFFER, error);
	else
		quell_fault(QUELL_FAULT_USER_BUFFER, error);
	quell_unreadable_connection(arg, kernel ? QUELL_ARG_KERNEL_FAULT : QUELL_ARG_USER_FAULT);
	return false;
}

/* struct sockaddr_in and struct sockaddr_in6 (uapi). */
struct quell_sockaddr_in {
	__u16 family;
	__u16 port;
	__u32 address;
};

struct quell_sockaddr_in6 {
	__u16 family;
	__u16 port;
	__u32 flow;
	union quell_address address;
};

/* An address that is given to or by a system call: one end, as the source. Of no family (AF_UNSPEC), Linux takes bind and
 * sendto of IPv4 sockets for IPv4; connect only dissolves a connection then, whatever the address. */
static __always_inline void quell_read_sockaddr(__u64 pointer, bool kernel, struct quell_arg *arg, __u8 *slot)
{
	struct quell_connection *connection = quell_new_connection(arg, slot);
	__u16 family = 0;

	if (!pointer || !quell_read_given(&family, sizeof(family), pointer, kernel, arg))
		return;
	connection->family = family;
	if (family == QUELL_AF_INET || family == QUELL_AF_UNSPEC) {
		struct quell_sockaddr_in in = {};

		if (!quell_read_given(&in, sizeof(in), pointer, kernel, arg))
			return;
		connection->source_port = bpf_ntohs(in.port);
		quell_set_v4(connection, QUELL_SOURCE, in.address);
	} else if (family == QUELL_AF_INET6) {
		struct quell_sockaddr_in6 in6 = {};

		if (!quell_read_given(&in6, sizeof(in6), pointer, kernel, arg))
			return;
		connection->source_port = bpf_ntohs(in6.port);
		quell_set_v6(connection, QUELL_SOURCE, in6.address.bytes);
	}
}

#endif
