//! A compose file, as it is, under a project name of its own.

use std::process::Command;

use crate::docker::{Janitor, Outcome, call, command, unique};

/// What is started is removed with its networks and volumes when this is dropped.
pub(crate) struct Compose {
    project: String,
    file: String,
    variables: Vec<(String, String)>,
    _janitor: Janitor,
}

impl Compose {
    /// A file below docker/ with these variables. Nothing is started yet.
    pub(crate) fn new(file: &str, variables: &[(&str, &str)]) -> Self {
        let (project, file) = (unique(), format!("docker/{file}"));
        let variables: Vec<_> = variables.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        let down = compose(&project, &file, &variables, &["down", "--volumes", "--remove-orphans", "--timeout", "5"]);
        Self { _janitor: Janitor::will(&down), project, file, variables }
    }

    /// From now on with this variable, too.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// Calls `docker compose`, whatever comes of it.
    pub(crate) fn call(&self, args: &[&str]) -> Outcome {
        call(compose(&self.project, &self.file, &self.variables, args))
    }

    /// Calls it, which must work, and gives what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.call(args).exits(0).stdout.trim_end().into()
    }

    /// The container of a service, whether it runs or not.
    #[track_caller]
    pub(crate) fn container(&self, service: &str) -> String {
        self.ok(&["ps", "--all", "--quiet", service])
    }
}

fn compose(project: &str, file: &str, variables: &[(String, String)], args: &[&str]) -> Command {
    let mut command = command(&[&["compose", "--project-name", project, "--file", file], args].concat());
    command.envs(variables.iter().cloned());
    command
}
