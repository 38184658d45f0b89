//! The strings of a step: names of files, which are made real ones, and content, into which the target is filled.

use super::Step;

impl Step {
    /// The same step with every string that names a file changed by `path` and every string that is content changed
    /// by `data`.
    #[must_use]
    pub fn map(&self, path: &dyn Fn(&str) -> String, data: &dyn Fn(&str) -> String) -> Self {
        let mut step = self.clone();
        step.change(path, data);
        step
    }

    fn change(&mut self, path: &dyn Fn(&str) -> String, data: &dyn Fn(&str) -> String) {
        let (paths, contents) = self.strings_mut();
        for name in paths {
            *name = path(name);
        }
        for text in contents {
            *text = data(text);
        }
        if let Self::Execve { then, .. } | Self::Orphan { then } | Self::Thread { then } = self {
            then.iter_mut().for_each(|step| step.change(path, data));
        }
    }

    /// What the step itself says: names of files, and content. The steps of a new image or process are left out.
    fn strings_mut(&mut self) -> (Vec<&mut String>, Vec<&mut String>) {
        match self {
            Self::Open { path, .. }
            | Self::Unlink { path }
            | Self::Execve { path, .. }
            | Self::Mkfifo { path }
            | Self::Look { path }
            | Self::ExecveRefused { path }
            | Self::ConnectNobody { path }
            | Self::RingCreate { path }
            | Self::Truncate { path, .. }
            | Self::SendFileFrom { path, .. }
            | Self::CopyRangeFrom { path, .. }
            | Self::Mkdir { path }
            | Self::Rmdir { path }
            | Self::Chmod { path, .. }
            | Self::Chown { path, .. }
            | Self::BindName { path }
            | Self::ShortUnlink { path }
            | Self::Receive { path, .. } => (vec![path], vec![]),
            Self::Rename { from, to } | Self::Link { from, to } => (vec![from, to], vec![]),
            Self::Symlink { text, path } => (vec![path], vec![text]),
            Self::SetAttribute { path, name, value } => (vec![path], vec![name, value]),
            Self::MountOver { from, to, proof } => (vec![from, to, proof], vec![]),
            Self::BindPort { to: text, proof, .. }
            | Self::KillOther { signal: text, proof }
            | Self::HostName { name: text, proof }
            | Self::WriteMemory { data: text, proof }
            | Self::Fork { flags: text, proof } => (vec![proof], vec![text]),
            Self::Write { data }
            | Self::WriteAt { data, .. }
            | Self::WritePipe { data }
            | Self::WriteBlock { text: data, .. }
            | Self::SubmitWrite { data }
            | Self::RingWrite { data, .. }
            | Self::StoreMapped { data }
            | Self::SpliceIn { data }
            | Self::VmsplicePipe { data }
            | Self::Send { data }
            | Self::WriteSocket { data }
            | Self::ShortWrite { data } => (vec![], vec![data]),
            Self::Marker { number, text } => (vec![], vec![number, text]),
            Self::WriteParts { parts, .. } => (vec![], parts.iter_mut().collect()),
            Self::Number { value: text, .. }
            | Self::Text { text, .. }
            | Self::Bind { to: text, .. }
            | Self::Connect { to: text, .. } => (vec![], vec![text]),
            Self::SendTo { to, data } => (vec![], vec![to, data]),
            Self::RenameDevice { from, to } => (vec![], vec![from, to]),
            Self::Pause { .. }
            | Self::Capset { .. }
            | Self::Unshare { .. }
            | Self::Socket { .. }
            | Self::Listen {}
            | Self::Resize { .. }
            | Self::Allocate { .. }
            | Self::SpliceOut { .. }
            | Self::SendFileOut { .. }
            | Self::Read { .. }
            | Self::Orphan { .. }
            | Self::Thread { .. }
            | Self::Duplicate {} => (vec![], vec![]),
        }
    }

    /// Every path that the step names, those of a new image or process included.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut step = self.clone();
        let mut all: Vec<String> = step.strings_mut().0.into_iter().map(|path| path.clone()).collect();
        if let Self::Execve { then, .. } | Self::Orphan { then } | Self::Thread { then } = self {
            all.extend(then.iter().flat_map(Self::paths));
        }
        all
    }

    /// Every string of the step, those of a new image or process included.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut step = self.clone();
        let (paths, contents) = step.strings_mut();
        let mut all: Vec<String> = paths.into_iter().chain(contents).map(|text| text.clone()).collect();
        if let Self::Execve { then, .. } | Self::Orphan { then } | Self::Thread { then } = self {
            all.extend(then.iter().flat_map(Self::texts));
        }
        all
    }
}
