//! The actions of a selector as a kernel program reads them from the bytes: written a second time, so that an encoder and
//! a decoder that are wrong in the same way are not believed.

use quell::policy::ast::{Action, FdArgs, Notification, Post, RateScope};
use quell_wire::code::{Action as WireAction, RateScope as WireScope};
use quell_wire::tree::ActionTree;

/// What an action of the bytes does; `None` when its parameters are none that the table knows.
#[must_use]
pub fn action(tree: &ActionTree) -> Option<Action> {
    let [first, second, third, fourth, ..] = tree.param;
    let position = |number: u32| usize::try_from(number).ok();
    let fds = || Some(FdArgs { fd: position(first)?, name: position(second)? });
    Some(match tree.action {
        WireAction::Post => Action::Post(Post {
            rate_limit_ms: first,
            scope: match WireScope::from_number(second)? {
                WireScope::Thread => RateScope::Thread,
                WireScope::Process => RateScope::Process,
                WireScope::Global => RateScope::Global,
            },
            kernel_stack: third == 1,
            user_stack: fourth == 1,
        }),
        WireAction::NoPost => Action::NoPost,
        WireAction::Sigkill => Action::Sigkill,
        WireAction::Signal => Action::Signal(first),
        WireAction::Override => Action::Override(first.cast_signed()),
        WireAction::FollowFd => Action::FollowFd(fds()?),
        WireAction::UnfollowFd => Action::UnfollowFd(fds()?),
        WireAction::CopyFd => Action::CopyFd(fds()?),
        WireAction::NotifyEnforcer => {
            Action::NotifyEnforcer(Notification { error: first.cast_signed(), signal: second })
        }
        WireAction::TrackSock => Action::TrackSock(position(first)?),
        WireAction::UntrackSock => Action::UntrackSock(position(first)?),
        WireAction::Set => Action::Set { index: u8::try_from(first).ok()?, value: second },
    })
}
