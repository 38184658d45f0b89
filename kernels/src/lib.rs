//! The kernels that the lab boots: a catalogue as data, and how to obtain them
