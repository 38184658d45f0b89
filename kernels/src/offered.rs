//! Which packages of one suite are a kernel: the pinned ones, or the newest of its series, wherever the suite's meta package
//! points by now. Backports keep the packages of earlier series long after their meta package has moved on.

use duct::cmd;

use crate::apt::{Apt, AptError};
use crate::catalogue::Kernel;
use crate::closure::{self, ClosureError};
use crate::pins::Pin;
use crate::stanza::Package;

/// Which one is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// The packages of this pin and no others.
    Pinned(&'a Pin),
    /// The newest of the kernel's series.
    Newest,
}

/// A kernel as a suite offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Leads to the others by exact dependencies.
    pub(crate) start: Package,
    /// Every package that holds a part of the kernel.
    pub(crate) parts: Vec<Package>,
    /// What the reader has to know about the choice.
    pub(crate) notes: Vec<String>,
}

/// Why a suite has no offer.
#[derive(Debug)]
pub(crate) enum NoOffer {
    /// apt failed.
    Apt(AptError),
    /// Its packages don't belong together.
    Closure(ClosureError),
    /// It does not hold what was asked for.
    Absent(String),
}

impl From<AptError> for NoOffer {
    fn from(error: AptError) -> Self {
        Self::Apt(error)
    }
}

impl From<ClosureError> for NoOffer {
    fn from(error: ClosureError) -> Self {
        Self::Closure(error)
    }
}

/// What the index of a suite offers.
pub(crate) fn look_up(kernel: &Kernel, wanted: Wanted<'_>, apt: &Apt) -> Result<Offer, NoOffer> {
    let find = |name: &str, version: &str| apt.show(name, Some(version)).map_err(NoOffer::Apt);
    let (begin, mut notes) = match wanted {
        Wanted::Newest => newest(kernel, apt)?,
        Wanted::Pinned(pin) => {
            let absent = || NoOffer::Absent(format!("it has no {} {}", pin.package, pin.version));
            (find(&pin.package, &pin.version)?.ok_or_else(absent)?, Vec::new())
        }
    };
    // Behind the suite's own meta package all has to be there. Elsewhere what is left of a kernel is what can be had of it.
    let is_current = begin.name == kernel.package;
    let all = if is_current {
        closure::of(begin, find)?
    } else {
        let (all, missing) = closure::what_is_there(begin, find)?;
        // A pin was made of what there was, and its parts are compared below.
        if matches!(wanted, Wanted::Newest) {
            notes.extend(missing.iter().map(ToString::to_string));
        }
        all
    };
    let start = start_of(&all).clone();
    let parts: Vec<Package> = all.into_iter().filter(Package::has_content).collect();
    if let Wanted::Pinned(pin) = wanted
        && let Some(reason) = pin.differs(&parts)
    {
        return Err(NoOffer::Absent(reason));
    }
    Ok(Offer { start, parts, notes })
}

/// The package of one version behind a meta package; the first one itself, when that is of one version already.
fn start_of(closure: &[Package]) -> &Package {
    let [first, rest @ ..] = closure else { unreachable!("a closure holds at least its start") };
    let versioned = |package: &&Package| package.name.starts_with(IMAGE) && has_version(&package.name);
    if has_version(&first.name) { first } else { rest.iter().find(versioned).unwrap_or(first) }
}

/// What the names of packages with an image begin with.
const IMAGE: &str = "linux-image-";

/// `linux-image-6.12.117+deb13-cloud-amd64`, and not `linux-image-cloud-amd64`.
fn has_version(package: &str) -> bool {
    package.strip_prefix(IMAGE).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

fn newest(kernel: &Kernel, apt: &Apt) -> Result<(Package, Vec<String>), NoOffer> {
    let meta = apt.show(&kernel.package, None)?;
    if let Some(meta) = &meta
        && kernel.is_of_series(&meta.version)
    {
        return Ok((meta.clone(), Vec::new()));
    }
    let moved = match &meta {
        Some(meta) => format!("its {} is {}, not of series {}", meta.name, meta.version, kernel.series),
        None => format!("it has no {}", kernel.package),
    };
    let names = match kernel.package.strip_prefix(IMAGE) {
        Some(flavour) => siblings(flavour, &kernel.series, &apt.names(&format!("{IMAGE}{}", kernel.series))?),
        None => Vec::new(),
    };
    let mut best: Option<Package> = None;
    for name in names {
        let Some(package) = apt.show(&name, None)? else { continue };
        let newer = match &best {
            None => true,
            Some(best) => is_newer(&package.version, &best.version)?,
        };
        if kernel.is_of_series(&package.version) && newer {
            best = Some(package);
        }
    }
    match best {
        Some(package) => {
            let note = format!("{moved}; it still holds {}", package.name);
            Ok((package, vec![note]))
        }
        None => Err(NoOffer::Absent(moved)),
    }
}

/// Those of `names` that are images of a series and a flavour, where the meta package is `linux-image-FLAVOUR`.
fn siblings(flavour: &str, series: &str, names: &[String]) -> Vec<String> {
    let of = |name: &&String| {
        let rest = name.strip_prefix(IMAGE).and_then(|rest| rest.strip_suffix(flavour));
        let Some(version) = rest.and_then(|rest| rest.strip_suffix('-')) else { return false };
        let Some(after) = version.strip_prefix(series) else { return false };
        // The part before the flavour is a number; `cloud` there would be the flavour of another package.
        let last = version.rsplit('-').next().unwrap_or_default();
        after.starts_with(['.', '-', '+', '~']) && last.starts_with(|first: char| first.is_ascii_digit())
    };
    names.iter().filter(of).cloned().collect()
}

/// Whether one version is newer than another, by the rules of the distribution.
fn is_newer(one: &str, other: &str) -> Result<bool, AptError> {
    let compared = cmd!("dpkg", "--compare-versions", one, "gt", other).unchecked().run();
    let compared = compared.map_err(|source| AptError::Run { program: "dpkg", source })?;
    Ok(compared.status.success())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cloud-amd64", "6.18", &["linux-image-6.18.5+deb13-cloud-amd64", "linux-image-6.18.15+deb13-cloud-amd64"])]
    #[case("amd64", "6.18", &["linux-image-6.18.5+deb13-amd64"])]
    #[case("rt-amd64", "6.18", &["linux-image-6.18.5+deb13-rt-amd64"])]
    #[case("amd64", "6.1", &["linux-image-6.1.0-57-amd64"])]
    #[case("cloud-amd64", "6.1", &["linux-image-6.1.0-57-cloud-amd64"])]
    fn packages_of_a_series_and_a_flavour_are_told_from_their_neighbours(
        #[case] flavour: &str,
        #[case] series: &str,
        #[case] expected: &[&str],
    ) {
        let names = [
            "linux-image-6.1.0-57-amd64",
            "linux-image-6.1.0-57-amd64-unsigned",
            "linux-image-6.1.0-57-cloud-amd64",
            "linux-image-6.18.5+deb13-amd64",
            "linux-image-6.18.5+deb13-amd64-dbg",
            "linux-image-6.18.5+deb13-cloud-amd64",
            "linux-image-6.18.5+deb13-rt-amd64",
            "linux-image-6.18.15+deb13-cloud-amd64",
            "linux-image-6.19.6+deb13-cloud-amd64",
            "linux-image-cloud-amd64",
        ]
        .map(str::to_owned);
        assert_eq!(siblings(flavour, series, &names), expected);
    }

    #[rstest]
    #[case("6.18.15-1~bpo13+1", "6.18.5-1~bpo13+1", true)]
    #[case("6.18.5-1~bpo13+1", "6.18.15-1~bpo13+1", false)]
    #[case("6.18.5-1", "6.18.5-1~bpo13+1", true)]
    #[case("6.18.5-1", "6.18.5-1", false)]
    fn versions_are_compared_as_the_distribution_does(
        #[case] one: &str,
        #[case] other: &str,
        #[case] newer: bool,
    ) {
        assert_eq!(is_newer(one, other).unwrap(), newer);
    }

    #[test]
    fn a_pin_starts_behind_the_meta_package() {
        let package = |name: &str| Package {
            name: name.into(),
            version: "1".into(),
            sha256: "a".repeat(64),
            size_bytes: 1,
            installed_kib: 1,
            exact_depends: Vec::new(),
        };
        let all = ["linux-image-cloud-amd64", "linux-image-6.12.117+deb13-cloud-amd64"].map(package);
        assert_eq!(start_of(&all).name, "linux-image-6.12.117+deb13-cloud-amd64");
        assert_eq!(start_of(&all[1..]).name, "linux-image-6.12.117+deb13-cloud-amd64");
        let sources = ["linux-source-6.12"].map(package);
        assert_eq!(start_of(&sources).name, "linux-source-6.12");
    }
}
