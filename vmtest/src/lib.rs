//! The conformance lab: matrix, QEMU, control channel, outcomes, reports
