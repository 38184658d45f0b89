//! Kernels × scenarios × file systems → cells, each decided before anything boots: pure.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use quell_scenarios::scenario::{FileSystem, Scenario};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{cell::CellId, event::PlannedCell};

/// Whether a cell is performed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is.
    Run,
    /// It is not, and this is why. The reason was looked up in the kernel's own configuration.
    Skip(String),
}

/// What the matrix has to know about a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixKernel {
    /// Catalogue id.
    pub id: String,
    /// File systems that this kernel can't offer without modules, and which option says so.
    pub lacks: BTreeMap<FileSystem, String>,
}

/// A filter that is no glob.
#[derive(Debug, Error)]
#[error("`{pattern}` is no glob: {source}")]
pub struct FilterError {
    pattern: String,
    source: globset::Error,
}

/// Which cells the user wants.
#[derive(Debug, Default)]
pub struct Filter {
    kernel: Option<GlobMatcher>,
    scenario: Option<GlobMatcher>,
}

impl Filter {
    /// Globs over kernel ids and over `scenario-id@fs`; a pattern without `@` means every file system.
    ///
    /// # Errors
    /// A pattern is no glob.
    pub fn new(kernel: Option<&str>, scenario: Option<&str>) -> Result<Self, FilterError> {
        let scenario = scenario.map(|pattern| match pattern.contains('@') {
            true => pattern.to_owned(),
            false => format!("{pattern}@*"),
        });
        Ok(Self {
            kernel: kernel.map(glob).transpose()?,
            scenario: scenario.as_deref().map(glob).transpose()?,
        })
    }

    /// Whether this kernel is wanted.
    #[must_use]
    pub fn wants_kernel(&self, id: &str) -> bool {
        self.kernel.as_ref().is_none_or(|glob| glob.is_match(id))
    }

    /// Whether this row is wanted.
    #[must_use]
    pub fn wants_row(&self, scenario: &str, file_system: FileSystem) -> bool {
        self.scenario.as_ref().is_none_or(|glob| glob.is_match(format!("{scenario}@{file_system}")))
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, FilterError> {
    // `*` crosses the slash: `*write*` shall find `file/kill-write…`.
    let built = GlobBuilder::new(pattern).literal_separator(false).build();
    let glob = built.map_err(|source| FilterError { pattern: pattern.to_owned(), source })?;
    Ok(glob.compile_matcher())
}

/// The plan: all wanted cells, kernel by kernel, in the order of the inputs.
#[must_use]
pub fn plan(kernels: &[MatrixKernel], scenarios: &[Scenario], filter: &Filter) -> Vec<PlannedCell> {
    let mut cells = Vec::new();
    for kernel in kernels.iter().filter(|kernel| filter.wants_kernel(&kernel.id)) {
        for scenario in scenarios {
            for file_system in &scenario.filesystems {
                if filter.wants_row(&scenario.id, *file_system) {
                    cells.push(planned(kernel, scenario, *file_system));
                }
            }
        }
    }
    cells
}

fn planned(kernel: &MatrixKernel, scenario: &Scenario, file_system: FileSystem) -> PlannedCell {
    let decision = match kernel.lacks.get(&file_system) {
        None => Decision::Run,
        Some(option) => Decision::Skip(format!("kernel {} offers no {file_system}: {option}", kernel.id)),
    };
    PlannedCell {
        cell: CellId { kernel: kernel.id.clone(), scenario: scenario.id.clone(), file_system },
        title: scenario.title.clone(),
        claims: scenario.claims.clone(),
        expect: scenario.expect.clone(),
        decision,
    }
}

/// Options that have to be built in (`=y`) for each file system, because guests load no modules.
const NEEDS: &[(FileSystem, &[&str])] =
    &[(FileSystem::Tmpfs, &["CONFIG_TMPFS"]), (FileSystem::Ext4, &["CONFIG_EXT4_FS", "CONFIG_BLK_DEV_NVME"])];

/// What a kernel lacks, from the text of its configuration file.
#[must_use]
pub fn lacking(config: &str) -> BTreeMap<FileSystem, String> {
    let built_in = |option: &str| config.lines().any(|line| line.trim_end() == format!("{option}=y"));
    let mut lacks = BTreeMap::new();
    for (file_system, options) in NEEDS {
        if let Some(option) = options.iter().find(|option| !built_in(option)) {
            lacks.insert(*file_system, format!("{option} is not built in"));
        }
    }
    lacks
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::scenario;

    fn kernel(id: &str) -> MatrixKernel {
        MatrixKernel { id: id.into(), ..MatrixKernel::default() }
    }

    fn names(cells: &[PlannedCell]) -> Vec<String> {
        cells.iter().map(|planned| planned.cell.to_string()).collect()
    }

    fn both() -> Vec<Scenario> {
        vec![
            scenario("file/write", &[FileSystem::Tmpfs, FileSystem::Ext4]),
            scenario("pipe/write", &[FileSystem::None]),
        ]
    }

    #[test]
    fn every_kernel_gets_every_scenario_on_every_file_system() {
        let cells = plan(&[kernel("5.10"), kernel("6.12")], &both(), &Filter::default());
        assert_eq!(
            names(&cells),
            [
                "5.10/file/write@tmpfs",
                "5.10/file/write@ext4",
                "5.10/pipe/write@none",
                "6.12/file/write@tmpfs",
                "6.12/file/write@ext4",
                "6.12/pipe/write@none",
            ]
        );
        assert!(cells.iter().all(|planned| planned.decision == Decision::Run));
    }

    #[rstest]
    #[case(Some("6.*"), None, 3)]
    #[case(None, Some("file/*"), 4)]
    #[case(None, Some("*write@ext4"), 2)]
    #[case(Some("5.10"), Some("pipe/write"), 1)]
    #[case(Some("4.19"), None, 0)]
    fn filters_narrow_the_plan(
        #[case] kernel_glob: Option<&str>,
        #[case] scenario_glob: Option<&str>,
        #[case] count: usize,
    ) {
        let filter = Filter::new(kernel_glob, scenario_glob).unwrap();
        assert_eq!(plan(&[kernel("5.10"), kernel("6.12")], &both(), &filter).len(), count);
    }

    #[test]
    fn a_filter_that_is_no_glob_is_quoted() {
        let error = Filter::new(Some("6.[1"), None).unwrap_err();
        assert!(error.to_string().starts_with("`6.[1` is no glob"), "{error}");
    }

    #[test]
    fn a_module_is_not_enough_for_a_guest_without_modules() {
        let lacks = lacking("CONFIG_TMPFS=y\nCONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_NVME=m\n");
        let kernel = MatrixKernel { id: "6.12".into(), lacks };
        let cells = plan(&[kernel], &both(), &Filter::default());
        let decisions: Vec<&Decision> = cells.iter().map(|planned| &planned.decision).collect();
        let skip = Decision::Skip("kernel 6.12 offers no ext4: CONFIG_BLK_DEV_NVME is not built in".into());
        assert_eq!(decisions, [&Decision::Run, &skip, &Decision::Run]);
    }
}
