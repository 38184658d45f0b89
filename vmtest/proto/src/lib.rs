//! Messages and frames between the host and PID 1 of a guest
