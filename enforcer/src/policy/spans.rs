//! Policies without their places, to compare two that were written differently.

use super::ast::{Hook, Policy, Selector};
use super::source::{Span, Spanned};

impl Policy {
    /// The same policy with every span at its default.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        nowhere(&mut self.name);
        self.enforcers.iter_mut().for_each(nowhere);
        self.hooks = self.hooks.into_iter().map(Hook::without_spans).collect();
        self
    }
}

impl Hook {
    /// The same hook with every span at its default.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.span = Span::default();
        nowhere(&mut self.name);
        for arg in self.args.iter_mut().chain(&mut self.returned) {
            arg.span = Span::default();
        }
        self.selectors = self.selectors.into_iter().map(Selector::without_spans).collect();
        self
    }
}

impl Selector {
    /// The same selector with every span at its default.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.span = Span::default();
        self.pids.iter_mut().for_each(|filter| filter.span = Span::default());
        for filter in self.binaries.iter_mut().chain(&mut self.parent_binaries) {
            filter.span = Span::default();
        }
        for filter in self.args.iter_mut().chain(&mut self.return_args) {
            filter.span = Span::default();
        }
        self.namespaces.iter_mut().for_each(|filter| filter.span = Span::default());
        self.namespace_changes.iter_mut().for_each(|filter| filter.span = Span::default());
        for filter in self.capabilities.iter_mut().chain(&mut self.capability_changes) {
            filter.span = Span::default();
        }
        self
    }
}

fn nowhere<T>(spanned: &mut Spanned<T>) {
    spanned.span = Span::default();
}
