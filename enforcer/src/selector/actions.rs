//! Actions and their parameters, both ways.

use quell_wire::code::{Action as WireAction, RateScope as WireScope};
use quell_wire::hook::NO_SIZE_ARG;
use quell_wire::tree::ActionTree;

use crate::policy::ast::{Action, ActionKind, ArgType, FdArgs, Hook, Notification, Post, RateScope};

/// The wire number of an action.
#[must_use]
pub const fn wire_action(kind: ActionKind) -> WireAction {
    match kind {
        ActionKind::Post => WireAction::Post,
        ActionKind::NoPost => WireAction::NoPost,
        ActionKind::Sigkill => WireAction::Sigkill,
        ActionKind::Signal => WireAction::Signal,
        ActionKind::Override => WireAction::Override,
        ActionKind::FollowFd => WireAction::FollowFd,
        ActionKind::UnfollowFd => WireAction::UnfollowFd,
        ActionKind::CopyFd => WireAction::CopyFd,
        ActionKind::NotifyEnforcer => WireAction::NotifyEnforcer,
        ActionKind::TrackSock => WireAction::TrackSock,
        ActionKind::UntrackSock => WireAction::UntrackSock,
        ActionKind::Set => WireAction::Set,
    }
}

const fn wire_scope(scope: RateScope) -> WireScope {
    match scope {
        RateScope::Thread => WireScope::Thread,
        RateScope::Process => WireScope::Process,
        RateScope::Global => WireScope::Global,
    }
}

/// An action in the numbers of the wire.
pub(super) fn tree(action: &Action, hook: &Hook) -> ActionTree {
    let param = match *action {
        Action::Post(post) => [
            post.rate_limit_ms,
            wire_scope(post.scope).number(),
            post.kernel_stack.into(),
            post.user_stack.into(),
            0,
            0,
        ],
        Action::NoPost | Action::Sigkill => [0; 6],
        Action::Signal(signal) => [signal, 0, 0, 0, 0, 0],
        Action::Override(error) => [error.cast_unsigned(), 0, 0, 0, 0, 0],
        Action::FollowFd(args) | Action::UnfollowFd(args) | Action::CopyFd(args) => {
            [position(args.fd), position(args.name), 0, 0, 0, 0]
        }
        Action::NotifyEnforcer(Notification { error, signal }) => {
            [error.cast_unsigned(), signal, system_call(hook), 0, 0, 0]
        }
        Action::TrackSock(arg) | Action::UntrackSock(arg) => [position(arg), 0, 0, 0, 0, 0],
        Action::Set { index, value } => [index.into(), value, 0, 0, 0, 0],
    };
    ActionTree { action: wire_action(action.kind()), param }
}

/// Positions are below `MAX_ARGS`; what is not is no position, and decoding refuses it.
fn position(arg: usize) -> u32 {
    u32::try_from(arg).unwrap_or(u32::MAX)
}

/// The position of the argument with the number of the system call, for the enforcer to know which one to act at.
fn system_call(hook: &Hook) -> u32 {
    hook.args.iter().position(|arg| arg.ty == ArgType::Syscall64).map_or(NO_SIZE_ARG, position)
}

/// The action of a tree; `None` when a parameter is not one that [`tree`] gives for this hook.
pub(super) fn action(tree: &ActionTree, hook: &Hook) -> Option<Action> {
    let [first, second, third, fourth, ..] = tree.param;
    let arg = |number: u32| usize::try_from(number).ok().filter(|arg| *arg < hook.args.len());
    let fds = || Some(FdArgs { fd: arg(first)?, name: arg(second)? });
    let action = match tree.action {
        WireAction::Post => {
            let scopes = [RateScope::Thread, RateScope::Process, RateScope::Global];
            Action::Post(Post {
                rate_limit_ms: first,
                scope: scopes.into_iter().find(|scope| wire_scope(*scope).number() == second)?,
                kernel_stack: third == 1,
                user_stack: fourth == 1,
            })
        }
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
        WireAction::TrackSock => Action::TrackSock(arg(first)?),
        WireAction::UntrackSock => Action::UntrackSock(arg(first)?),
        WireAction::Set => Action::Set { index: u8::try_from(first).ok()?, value: second },
    };
    // Every parameter that has no meaning is zero, and flags are 0 or 1.
    (self::tree(&action, hook) == *tree).then_some(action)
}
