//! Kernels × scenarios × file systems → cells, each decided before anything boots: pure.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use quell_scenarios::scenario::{FileSystem, Scenario, Tier};
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
    /// File systems that this kernel can't offer, and which option of its configuration says so.
    pub lacks: BTreeMap<FileSystem, String>,
    /// Globs over the scenarios that are for it; empty: all.
    pub scenarios: Vec<String>,
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
    full: bool,
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
            full: false,
        })
    }

    /// Whether scenarios of the full tier are wanted without being asked for by a glob.
    #[must_use]
    pub fn full(self, full: bool) -> Self {
        Self { full, ..self }
    }

    /// Whether scenarios of this tier are wanted.
    fn wants_tier(&self, tier: Tier) -> bool {
        tier == Tier::Gate || self.full || self.scenario.is_some()
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
        let own = own_rows(&kernel.scenarios);
        for scenario in scenarios.iter().filter(|scenario| filter.wants_tier(scenario.tier)) {
            for file_system in &scenario.filesystems {
                let row = (scenario.id.as_str(), *file_system);
                if filter.wants_row(row.0, row.1) && own.wants(row.0, row.1) {
                    cells.push(planned(kernel, scenario, *file_system));
                }
            }
        }
    }
    cells
}

/// Rows that a variant has for itself.
struct OwnRows(Option<Vec<Filter>>);

impl OwnRows {
    fn wants(&self, scenario: &str, file_system: FileSystem) -> bool {
        let Self(filters) = self;
        filters.as_ref().is_none_or(|all| all.iter().any(|filter| filter.wants_row(scenario, file_system)))
    }
}

/// A glob that is none selects nothing, so that its column is empty, which no run calls green; a test reads those of the
/// catalogue.
fn own_rows(globs: &[String]) -> OwnRows {
    let filters = || globs.iter().filter_map(|glob| Filter::new(None, Some(glob)).ok()).collect();
    OwnRows((!globs.is_empty()).then(filters))
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
        expect: scenario.expectation(&kernel.id, file_system).clone(),
        decision,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{offers::Offers, testing::scenario};

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
    fn a_variant_runs_its_own_scenarios_only() {
        let variant = MatrixKernel { scenarios: vec!["*write@ext4".into()], ..kernel("6.12-nolsm") };
        let cells = plan(&[variant], &both(), &Filter::default());
        assert_eq!(names(&cells), ["6.12-nolsm/file/write@ext4"]);
    }

    #[test]
    fn a_scenario_of_the_full_tier_is_run_when_it_is_asked_for() {
        let mut rare = scenario("filesystem/write", &[FileSystem::Xfs]);
        rare.tier = Tier::Full;
        let count = |filter: Filter| plan(&[kernel("6.12")], std::slice::from_ref(&rare), &filter).len();
        assert_eq!(count(Filter::default()), 0);
        assert_eq!(count(Filter::default().full(true)), 1);
        assert_eq!(count(Filter::new(None, Some("filesystem/*")).unwrap()), 1);
        assert_eq!(count(Filter::new(None, Some("file/*")).unwrap().full(true)), 0);
    }

    #[test]
    fn every_variant_of_the_catalogue_says_globs() {
        for variant in quell_kernels::Catalogue::builtin().variants() {
            for glob in &variant.scenarios {
                Filter::new(None, Some(glob)).unwrap();
            }
        }
    }

    #[test]
    fn a_cell_expects_what_the_scenario_says_of_its_kernel_and_file_system() {
        let mut scenario = scenario("file/write", &[FileSystem::Tmpfs, FileSystem::Ext4]);
        let mut expect = scenario.expect.clone();
        expect.killed = 7;
        scenario.except = vec![quell_scenarios::scenario::Exception {
            kernels: vec!["5.10".into()],
            filesystems: vec![FileSystem::Ext4],
            why: "because".into(),
            policy: None,
            expect,
        }];
        let cells = plan(&[kernel("5.10"), kernel("6.12")], &[scenario], &Filter::default());
        let killed: Vec<u64> = cells.iter().map(|planned| planned.expect.killed).collect();
        assert_eq!(killed, [1, 7, 1, 1]);
    }

    #[test]
    fn a_filter_that_is_no_glob_is_quoted() {
        let error = Filter::new(Some("6.[1"), None).unwrap_err();
        assert!(error.to_string().starts_with("`6.[1` is no glob"), "{error}");
    }

    #[test]
    fn a_module_is_not_enough_for_a_guest_without_modules() {
        let offers = Offers::of_config("CONFIG_TMPFS=y\nCONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_NVME=m\n", false);
        let lacks = offers.lacks().clone();
        let kernel = MatrixKernel { lacks, ..kernel("6.12") };
        let cells = plan(&[kernel], &both(), &Filter::default());
        let decisions: Vec<&Decision> = cells.iter().map(|planned| &planned.decision).collect();
        let skip = Decision::Skip(
            "kernel 6.12 offers no ext4: CONFIG_BLK_DEV_NVME is a module, and its modules can't be had"
                .into(),
        );
        assert_eq!(decisions, [&Decision::Run, &skip, &Decision::Run]);
    }
}
