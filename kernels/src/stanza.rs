//! Reads the control stanzas that `apt-cache show` prints: the few fields that lead from a meta
//! package to the files of a kernel.

use std::collections::BTreeMap;

/// One package as the signed index describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stanza {
    fields: BTreeMap<String, String>,
}

/// What a download needs to know about a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Package name.
    pub(crate) name: String,
    /// Package version, epoch included.
    pub(crate) version: String,
    /// SHA-256 of the archive, 64 lower-case hex digits.
    pub(crate) sha256: String,
    /// Size of the archive in bytes.
    pub(crate) size_bytes: u64,
    /// Size once installed, in KiB as the index counts.
    pub(crate) installed_kib: u64,
    /// Dependencies that name one exact version: the parts of the same build.
    pub(crate) exact_depends: Vec<(String, String)>,
}

impl Package {
    /// Whether it can hold a part of a kernel: the smallest part, the configuration, has over 100 KiB.
    /// Packages below that only point to others, and mirrors of frozen suites don't always keep them.
    pub(crate) fn has_content(&self) -> bool {
        self.installed_kib >= 64
    }
}

/// Splits apt's output into stanzas. Continuation lines are joined, unknown fields kept.
pub(crate) fn parse(text: &str) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    let mut fields = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if !fields.is_empty() {
                stanzas.push(Stanza { fields: std::mem::take(&mut fields) });
            }
            last = None;
        } else if line.starts_with([' ', '\t']) {
            if let Some(value) = last.as_ref().and_then(|name| fields.get_mut(name)) {
                let value: &mut String = value;
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().to_ascii_lowercase();
            fields.insert(name.clone(), value.trim().to_owned());
            last = Some(name);
        }
    }
    stanzas
}

impl Stanza {
    /// The value of a field, if present; names are compared without case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// The stanza as a package, or the name of the field that is missing or malformed.
    pub(crate) fn package(&self) -> Result<Package, &'static str> {
        let sha256 = self.get("SHA256").ok_or("SHA256")?.to_ascii_lowercase();
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("SHA256");
        }
        Ok(Package {
            name: self.get("Package").ok_or("Package")?.to_owned(),
            version: self.get("Version").ok_or("Version")?.to_owned(),
            sha256,
            size_bytes: self.get("Size").and_then(|size| size.parse().ok()).ok_or("Size")?,
            installed_kib: self
                .get("Installed-Size")
                .and_then(|size| size.parse().ok())
                .ok_or("Installed-Size")?,
            exact_depends: exact_depends(self.get("Depends").unwrap_or_default()),
        })
    }
}

/// The dependencies of the form `name (= version)` without alternatives. Anything looser (kmod, an
/// initramfs generator) is for an installed system, not for a kernel that is only booted.
fn exact_depends(depends: &str) -> Vec<(String, String)> {
    depends
        .split(',')
        .filter(|clause| !clause.contains('|'))
        .filter_map(|clause| {
            let (name, rest) = clause.trim().split_once('(')?;
            let version = rest.trim().strip_prefix('=')?.strip_suffix(')')?.trim();
            let name = name.trim().split(':').next()?;
            (!name.is_empty() && !version.is_empty()).then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLIT: &str = "Package: linux-image-7.3.4+deb13-cloud-amd64\n\
        Version: 7.3.4-1~bpo13+1\n\
        Pre-Depends: linux-base (>= 4.17~)\n\
        Depends: dracut | initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool,\n \
         linux-base-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1), linux-binary-7.3.4+deb13-cloud-amd64:amd64 (= 7.3.4-1~bpo13+1)\n\
        Installed-Size: 15\n\
        Size: 1928\n\
        SHA256: 4545cda1cab2f7e975e9b3ad1744b4a360092a85a793156bf48f1bdf02906cc9\n\n";

    #[test]
    fn only_exact_dependencies_are_followed() {
        let package = parse(SPLIT)[0].package().unwrap();
        let names: Vec<&str> = package.exact_depends.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["linux-base-7.3.4+deb13-cloud-amd64", "linux-binary-7.3.4+deb13-cloud-amd64"]);
        assert!(package.exact_depends.iter().all(|(_, version)| version == "7.3.4-1~bpo13+1"));
        assert_eq!(package.size_bytes, 1928);
        assert!(!package.has_content());
    }

    #[test]
    fn stanzas_are_split_at_blank_lines() {
        let text = "Package: a\nVersion: 1\n\n\nPackage: b\nVersion: 2\n";
        let names: Vec<String> = parse(text).iter().map(|s| s.get("package").unwrap().to_owned()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn package_without_a_digest_is_refused_by_the_name_of_the_field() {
        let text = SPLIT.replace("SHA256", "MD5sum");
        assert_eq!(parse(&text)[0].package().unwrap_err(), "SHA256");
        let short = SPLIT.replace("4545cda1", "");
        assert_eq!(parse(&short)[0].package().unwrap_err(), "SHA256");
    }

    proptest::proptest! {
        #[test]
        fn any_text_parses_without_panic(text in "\\PC{0,200}") {
            for stanza in parse(&text) {
                let _ = stanza.package();
            }
        }
    }
}
