//! Which work is next: pure, so that every order of events can be tried without a machine.
//!
//! A kernel is a lane. Its snapshot is made first; then its cells are independent of each other and of those of other
//! lanes. A lane without a snapshot is one piece of work: its cells share boots. The lane with the most work left comes
//! first, and of a lane the longest cell, so that the end of a run is not one worker's long last piece.

/// What a cell is taken to need when nobody has measured it, in milliseconds.
pub const UNKNOWN_MS: u64 = 2500;

/// A piece of work. Lanes and cells are named by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the lane's snapshot, or find it. Answered by [`Schedule::saved`].
    Save(usize),
    /// Perform one cell of a lane in a guest of its own.
    Cell(usize, usize),
    /// Perform these cells of a lane, which share boots.
    Shared(usize, Vec<usize>),
}

/// What a worker does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This.
    Task(Task),
    /// Nothing now, but there will be work when a snapshot is ready.
    Wait,
    /// Nothing any more.
    Done,
}

/// What became of an attempt to make a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It can be restored.
    Yes,
    /// It can't be saved here; the lane's cells share boots.
    Impossible,
    /// The kernel does not come up; nothing of the lane is performed.
    GivenUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unsaved,
    Saving,
    Saved,
    Shared,
    Over,
}

#[derive(Clone, Debug)]
struct Lane {
    state: State,
    /// Time and index, longest last.
    waiting: Vec<(u64, usize)>,
}

impl Lane {
    fn left_ms(&self) -> u64 {
        self.waiting.iter().map(|(ms, _)| ms).sum()
    }
}

/// The work of a run.
#[derive(Clone, Debug)]
pub struct Schedule {
    lanes: Vec<Lane>,
    workers: usize,
    /// Whether one snapshot of this run worked; until then only one is tried at a time.
    proven: bool,
}

impl Schedule {
    /// Lanes with the milliseconds that their cells are expected to take; with snapshots or without.
    #[must_use]
    pub fn new(lanes: &[Vec<u64>], workers: usize, snapshots: bool) -> Self {
        let state = if snapshots { State::Unsaved } else { State::Shared };
        let lane = |cells: &Vec<u64>| {
            let mut waiting: Vec<(u64, usize)> =
                cells.iter().enumerate().map(|(index, ms)| (*ms, index)).collect();
            // Of equal ones the first in the matrix comes first.
            waiting.sort_by_key(|(ms, index)| (*ms, std::cmp::Reverse(*index)));
            Lane { state, waiting }
        };
        Self { lanes: lanes.iter().map(lane).collect(), workers, proven: false }
    }

    /// Takes the next piece of work.
    pub fn take(&mut self) -> Next {
        if let Some(lane) = self.longest(State::Shared) {
            let mut cells: Vec<usize> = self.lanes[lane].waiting.drain(..).map(|(_, index)| index).collect();
            cells.sort_unstable();
            return Next::Task(Task::Shared(lane, cells));
        }
        let saving = self.count(State::Saving);
        let may_save = self.proven || saving == 0;
        // As many lanes at a time as keep every worker busy while the next one is saved.
        if may_save
            && self.count(State::Saved) + saving <= self.workers
            && let Some(lane) = self.longest(State::Unsaved)
        {
            self.lanes[lane].state = State::Saving;
            return Next::Task(Task::Save(lane));
        }
        if let Some(lane) = self.longest(State::Saved)
            && let Some((_, cell)) = self.lanes[lane].waiting.pop()
        {
            return Next::Task(Task::Cell(lane, cell));
        }
        if saving > 0 { Next::Wait } else { Next::Done }
    }

    /// What became of [`Task::Save`]. Returns the other lanes that have to do without a snapshot from now on: when the first
    /// one of a run is impossible, no further one is tried.
    pub fn saved(&mut self, lane: usize, how: Saved) -> Vec<usize> {
        match how {
            Saved::Yes => {
                self.proven = true;
                self.lanes[lane].state = State::Saved;
            }
            Saved::GivenUp => {
                self.give_up(lane);
            }
            Saved::Impossible => {
                self.lanes[lane].state = State::Shared;
                if !self.proven {
                    return self.share_all();
                }
            }
        }
        Vec::new()
    }

    /// Drops what is left of a lane, and returns it.
    pub fn give_up(&mut self, lane: usize) -> Vec<usize> {
        self.lanes[lane].state = State::Over;
        self.lanes[lane].waiting.drain(..).map(|(_, index)| index).collect()
    }

    fn share_all(&mut self) -> Vec<usize> {
        let mut changed = Vec::new();
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.state == State::Unsaved && !lane.waiting.is_empty() {
                lane.state = State::Shared;
                changed.push(index);
            }
        }
        changed
    }

    fn count(&self, state: State) -> usize {
        self.lanes.iter().filter(|lane| lane.state == state && !lane.waiting.is_empty()).count()
    }

    /// The lane in this state with the most work left; of equal ones the first.
    fn longest(&self, state: State) -> Option<usize> {
        let of_state = |(_, lane): &(usize, &Lane)| lane.state == state && !lane.waiting.is_empty();
        let lanes = self.lanes.iter().enumerate().filter(of_state);
        lanes.max_by_key(|(index, lane)| (lane.left_ms(), std::cmp::Reverse(*index))).map(|(index, _)| index)
    }
}

/// How many guests of this size run at a time within a budget, of so many that are asked for. One always does.
#[must_use]
pub fn guests_at_a_time(asked: usize, budget_mib: u64, guest_mib: u64) -> usize {
    let fit = usize::try_from(budget_mib / guest_mib.max(1)).unwrap_or(usize::MAX);
    asked.min(fit).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Everything that one worker does when every snapshot ends like this.
    fn alone(schedule: &mut Schedule, how: Saved) -> Vec<Task> {
        let mut done = Vec::new();
        loop {
            match schedule.take() {
                Next::Done => return done,
                Next::Wait => panic!("one worker alone has nothing to wait for"),
                Next::Task(task) => {
                    if let Task::Save(lane) = task {
                        schedule.saved(lane, how);
                    }
                    done.push(task);
                }
            }
        }
    }

    #[test]
    fn the_longest_cell_of_the_lane_with_most_work_comes_first_and_lanes_take_turns() {
        let mut schedule = Schedule::new(&[vec![10, 30], vec![20, 5, 5]], 2, true);
        let cells: Vec<Task> = alone(&mut schedule, Saved::Yes)
            .into_iter()
            .filter(|task| matches!(task, Task::Cell(..)))
            .collect();
        let expected = [(0, 1), (1, 0), (0, 0), (1, 1), (1, 2)].map(|(lane, cell)| Task::Cell(lane, cell));
        assert_eq!(cells, expected);
    }

    #[test]
    fn nothing_else_is_saved_before_the_first_snapshot_has_worked() {
        let mut schedule = Schedule::new(&[vec![1], vec![1]], 4, true);
        assert_eq!(schedule.take(), Next::Task(Task::Save(0)));
        assert_eq!(schedule.take(), Next::Wait);
        schedule.saved(0, Saved::Yes);
        assert_eq!(schedule.take(), Next::Task(Task::Save(1)));
    }

    #[test]
    fn when_the_first_snapshot_is_impossible_no_other_is_tried() {
        let mut schedule = Schedule::new(&[vec![1, 1], vec![1]], 2, true);
        assert_eq!(schedule.take(), Next::Task(Task::Save(0)));
        assert_eq!(schedule.saved(0, Saved::Impossible), [1]);
        assert_eq!(schedule.take(), Next::Task(Task::Shared(0, vec![0, 1])));
        assert_eq!(schedule.take(), Next::Task(Task::Shared(1, vec![0])));
        assert_eq!(schedule.take(), Next::Done);
    }

    #[test]
    fn a_later_impossible_snapshot_is_its_own_lanes_matter() {
        let mut schedule = Schedule::new(&[vec![9], vec![5], vec![1]], 4, true);
        assert_eq!(schedule.take(), Next::Task(Task::Save(0)));
        schedule.saved(0, Saved::Yes);
        assert_eq!(schedule.take(), Next::Task(Task::Save(1)));
        assert_eq!(schedule.saved(1, Saved::Impossible), [] as [usize; 0]);
        assert_eq!(schedule.take(), Next::Task(Task::Shared(1, vec![0])));
        assert_eq!(schedule.take(), Next::Task(Task::Save(2)));
    }

    #[test]
    fn a_kernel_that_does_not_come_up_says_nothing_about_snapshots() {
        let mut schedule = Schedule::new(&[vec![9, 9], vec![5]], 2, true);
        assert_eq!(schedule.take(), Next::Task(Task::Save(0)));
        schedule.saved(0, Saved::GivenUp);
        assert_eq!(schedule.take(), Next::Task(Task::Save(1)));
    }

    #[rstest]
    #[case(2, 8000, 1280, 2)]
    #[case(8, 8000, 1280, 6)]
    #[case(8, 100, 1280, 1)]
    #[case(1, 8000, 0, 1)]
    fn guests_fit_into_the_budget_and_one_always_runs(
        #[case] asked: usize,
        #[case] budget_mib: u64,
        #[case] guest_mib: u64,
        #[case] expected: usize,
    ) {
        assert_eq!(guests_at_a_time(asked, budget_mib, guest_mib), expected);
    }

    proptest! {
        /// Whatever becomes of snapshots, every cell of a lane that is not given up is performed exactly once.
        #[test]
        fn every_cell_is_performed_once(
            lanes in proptest::collection::vec(proptest::collection::vec(0_u64..50, 0..6), 0..5),
            workers in 1_usize..4,
            snapshots: bool,
            outcomes in proptest::collection::vec(0_u8..3, 5),
        ) {
            let mut schedule = Schedule::new(&lanes, workers, snapshots);
            let mut performed: Vec<Vec<usize>> = vec![Vec::new(); lanes.len()];
            let mut given_up = vec![false; lanes.len()];
            let mut saving = Vec::new();
            loop {
                match schedule.take() {
                    Next::Done => break,
                    Next::Wait => {
                        let lane = saving.pop();
                        prop_assert!(lane.is_some(), "waits for nothing");
                        let lane: usize = lane.unwrap();
                        let how = [Saved::Yes, Saved::Impossible, Saved::GivenUp][usize::from(outcomes[lane])];
                        given_up[lane] = how == Saved::GivenUp;
                        schedule.saved(lane, how);
                    }
                    Next::Task(Task::Save(lane)) => saving.push(lane),
                    Next::Task(Task::Cell(lane, cell)) => performed[lane].push(cell),
                    Next::Task(Task::Shared(lane, cells)) => performed[lane].extend(cells),
                }
            }
            for (lane, mut cells) in performed.into_iter().enumerate() {
                cells.sort_unstable();
                let all: Vec<usize> = (0..lanes[lane].len()).collect();
                let expected = if given_up[lane] { Vec::new() } else { all };
                prop_assert_eq!(cells, expected);
            }
        }
    }
}
