//! The chapter on what happens when a filter can say neither yes nor no, and in which order things happen.

/// The chapter.
pub(super) fn undecided(out: &mut String) {
    out.push_str(UNDECIDED);
}

const UNDECIDED: &str = "\
## What cannot be decided

A filter needs what it compares. Where that is not there, it has another answer than yes or no, and a negative operator does not turn it
into a yes.

| what is compared | answer of an entry, negative or not | selector that stops something | selector that only reports |
|---|---|---|---|
| memory of the caller that cannot be read at this moment | unreadable | does not act; reported and counted as `unreadable` | the same |
| memory of the kernel that cannot be read | undecided | acts, flagged `failed_closed` | reported and counted as `unreadable` |
| path that ends at no root, because its mount is mounted nowhere | undecided | acts, flagged `failed_closed` | reported and counted as `unreadable` |
| what a process was when it executed its program or when the agent first saw it, where that could not be read | undecided | acts, flagged `failed_closed` | reported and counted as `unreadable` |
| which programs a process descends from, where one of their paths was not known | undecided | acts, flagged `failed_closed` | reported and counted as `unreadable` |
| longer text or path than is kept | yes or no where the kept part decides it, else undecided | acts where undecided | reported where undecided |
| pipe, socket or anonymous file, asked for its path | no | does not match | does not match |
| descriptor that is not open | no | does not match | does not match |
| end of a connection without an address, asked for its address or port | no | does not match | does not match |

- **Memory of the caller** may not be resident when a system call is entered, and an ordinary program may cause that; nobody is killed on
  a guess about it. Such a rule is planned as partial (`K008`), and the plan proposes a function behind the copy.
- **Failing closed**: a selector with an action that stops something (see below) takes *undecided* for a match. Memory of the kernel that
  cannot be read is no ordinary program's doing.
- **Cut values**: of a path the end is kept, of other texts the beginning. `Prefix` finds its values in a kept beginning; `SubString` says
  yes when it finds one in what was kept; whether the rest would make another answer is undecided.
- **No path, no address**: `NotEqual`, `NotPrefix`, `NotDAddr` and their kin do not hold either. A rule that stops whoever writes to any
  other file than one must not stop whoever writes to its own pipe. To reach those, ask for the type: `FileType` and `NotFileType`
  are decided without a path, `Family` without an address.
- **Several entries**: one *no* settles a selector, then one *unreadable*, then one *undecided*. A later selector that matches outweighs
  an earlier doubt. When none matches and one might have, the call is reported without any action, so that silence never stands for a no.

A hook without selectors, and a selector without filters, match every call. Selectors behind such a one are never reached (`P070`).

## What happens on a match

The first selector that matches acts, and only that one. Its actions may stand in any order: a signal is sent before the event is built,
so that no full buffer delays it, and SIGKILL before any other signal. `Post` is what a selector without `matchActions` does, and an event
is posted beside every other action too; `NoPost` leaves it out, also beside `Sigkill`: the process is killed and counted, and no event
tells of it. What could not be decided is reported even if the selector that might have matched has `NoPost`.

In monitor mode (`policy-mode: monitor`, or `--mode monitor`) no signal is sent. The event has the actions that would have been performed
without the signals, and the flag `monitored`; `NoPost` keeps it away as before.

";
