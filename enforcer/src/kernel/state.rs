//! How the running kernel is set up: what files under `/sys` and `/proc` say that no attempt can.

use super::facts::State;

const SECURITY_MODULES: &str = "/sys/kernel/security/lsm";

/// Active security modules, in the order in which they are asked.
pub(super) fn security_modules() -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(SECURITY_MODULES).map_err(|error| {
        format!("{SECURITY_MODULES}: {error}; is securityfs mounted? (`mount -t securityfs none /sys/kernel/security`)")
    })?;
    Ok(parse_modules(&text))
}

fn parse_modules(text: &str) -> Vec<String> {
    text.trim().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `[none] integrity confidentiality`: the one in brackets.
fn parse_lockdown(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(mode, _)| mode.to_owned())
}

/// `0` or `1`.
fn parse_switch(text: &str) -> Option<bool> {
    match text.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// How the running kernel is set up, as far as its files can be read.
pub(super) fn of_running_kernel() -> State {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    State {
        security_modules: security_modules().ok(),
        lockdown: read("/sys/kernel/security/lockdown").as_deref().and_then(parse_lockdown),
        kprobes_armed: read("/sys/kernel/debug/kprobes/enabled").as_deref().and_then(parse_switch),
        ftrace_enabled: read("/proc/sys/kernel/ftrace_enabled").as_deref().and_then(parse_switch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_in_their_order() {
        assert_eq!(parse_modules("lockdown,capability,bpf\n"), ["lockdown", "capability", "bpf"]);
        assert!(parse_modules("\n").is_empty());
    }

    #[test]
    fn the_mode_of_lockdown_stands_in_brackets() {
        assert_eq!(parse_lockdown("none [integrity] confidentiality\n").as_deref(), Some("integrity"));
        assert_eq!(parse_lockdown("nonsense"), None);
    }

    #[test]
    fn a_switch_is_on_off_or_unreadable() {
        assert_eq!(
            (parse_switch("1\n"), parse_switch("0\n"), parse_switch("?")),
            (Some(true), Some(false), None)
        );
    }
}
