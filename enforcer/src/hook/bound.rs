//! Binds programs of trampolines to their function by its number among the kernel's types, which the agent knows already.
//!
//! The loader would look the function up by its name. For that it reads and checks all types of the kernel, once for every object: more
//! than a third of what starting the agent takes. It does not where the programs are of another type until they are loaded, so that is
//! what its handlers of these sections make of them here.
#![expect(unsafe_code, reason = "the loader's handlers of sections are C functions")]

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_long};
use std::sync::OnceLock;

use libbpf_sys::{
    BPF_LSM_MAC, BPF_MODIFY_RETURN, BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_LSM, BPF_PROG_TYPE_TRACING,
    BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, bpf_attach_type, bpf_prog_load_opts, bpf_prog_type, bpf_program,
    libbpf_prog_handler_opts,
};

/// Sections of programs that are bound, with what they are.
const SECTIONS: [(&CStr, bpf_prog_type, bpf_attach_type); 4] = [
    (c"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY),
    (c"fexit", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT),
    (c"fmod_ret", BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN),
    (c"lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC),
];

thread_local! {
    /// The function that programs are bound to which this thread loads; 0: the loader knows it.
    static FUNCTION: Cell<u32> = const { Cell::new(0) };
}

/// Has the loader treat these sections as is said above, from now on.
///
/// # Errors
/// When the loader takes no handler.
pub(super) fn prepare() -> libbpf_rs::Result<()> {
    static PREPARED: OnceLock<c_int> = OnceLock::new();
    let failed = *PREPARED.get_or_init(|| {
        let registered = SECTIONS.iter().map(|(section, kind, attach)| register(section, *kind, *attach));
        registered.min().filter(|result| *result < 0).unwrap_or(0)
    });
    if failed < 0 { Err(libbpf_rs::Error::from_raw_os_error(-failed)) } else { Ok(()) }
}

fn register(section: &CStr, kind: bpf_prog_type, attach: bpf_attach_type) -> c_int {
    let options = libbpf_prog_handler_opts {
        sz: size_of::<libbpf_prog_handler_opts>().try_into().unwrap_or(u64::MAX),
        cookie: c_long::from(kind),
        prog_prepare_load_fn: Some(bind),
        ..libbpf_prog_handler_opts::default()
    };
    // SAFETY: the name and the options live until the call returns, which keeps copies of them.
    unsafe {
        libbpf_sys::libbpf_register_prog_handler(
            section.as_ptr(),
            BPF_PROG_TYPE_KPROBE,
            attach,
            &raw const options,
        )
    }
}

/// Gives a program its own type, the cookie, and its function, in the moment in which it is loaded.
unsafe extern "C" fn bind(
    program: *mut bpf_program,
    options: *mut bpf_prog_load_opts,
    cookie: c_long,
) -> c_int {
    let function = FUNCTION.get();
    let kind = bpf_prog_type::try_from(cookie).unwrap_or(BPF_PROG_TYPE_TRACING);
    // SAFETY: the loader calls this with a program of an object that it loads, and with the options that it will load it with; nobody
    // else has them for as long as the call takes.
    unsafe {
        if function != 0 {
            (*options).attach_btf_id = function;
        }
        libbpf_sys::bpf_program__set_type(program, kind)
    }
}

/// Loads by `load`; the programs that are bound to something are bound to this function, by its number.
pub(super) fn to<T>(function: u32, load: impl FnOnce() -> T) -> T {
    let before = FUNCTION.replace(function);
    let loaded = load();
    FUNCTION.set(before);
    loaded
}
