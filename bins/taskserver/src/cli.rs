//! The command line: what can be said there, and what comes of it.
//!
//! Exit codes: 0 for success, 1 for failure, 2 for a command line or a configuration that is wrong; 3 where a server whose status was
//! asked for did not tell it.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use taskserver_config::{ConfigError, Loader};
use taskserver_core::Action;

use crate::command;
use crate::compose::ImpossibleSettings;

/// Exit code of a wrong configuration; clap's of a wrong command line is the same.
const CONFIGURATION_IS_WRONG: u8 = 2;

/// The task server of an iR Engine deployment.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Where the configuration comes from, beside the environment.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Sources {
    /// Take config/NAME.toml into account. Also TASKSERVER_PROFILE, else NODE_ENV
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Read this file in place of taskserver.toml; may be repeated, the later over the earlier
    #[arg(long = "config", global = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read the files of this directory, such as a mounted ConfigMap
    #[arg(long = "config-dir", global = true, value_name = "DIRECTORY", env = "TASKSERVER_CONFIG_DIR")]
    directory: Option<PathBuf>,
    /// Set one key, over all other sources; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl Sources {
    pub(crate) fn loader(&self) -> Loader {
        self.loader_over(None)
    }

    /// A loader with these overrides, which those of the command line override again.
    pub(crate) fn loader_over<'a>(&self, overrides: impl IntoIterator<Item = &'a str>) -> Loader {
        Loader::new()
            .overrides(overrides)
            .profile(self.profile.clone())
            .files(self.files.clone())
            .directory(self.directory.clone())
            .environment(std::env::vars_os())
            .overrides(self.overrides.clone())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default)
    Run,
    /// Run the server on a throwaway database with a simulated platform
    Demo,
    /// Print the effective configuration with the source of every value
    Config {
        /// Only check it
        #[arg(long)]
        check: bool,
    },
    /// Prepare the database: create and change this server's own tables
    Migrate,
    /// Show how it stands with the running server: exit code 0 if nothing is wrong, else 1; 3 if it does not tell
    Status {
        #[command(flatten)]
        server: ServerArgs,
        /// Print JSON in place of text
        #[arg(long)]
        json: bool,
    },
    /// Show the tasks of the running server
    Tasks {
        #[command(subcommand)]
        command: Option<TasksCommand>,
        /// Print JSON in place of a table
        #[arg(long)]
        json: bool,
        /// The token to show, where the tasks are for administrators only
        #[arg(long, value_name = "TOKEN", env = "TASKSERVER_TOKEN", hide_env_values = true)]
        token: Option<String>,
    },
    /// Show the jobs of the queue: the newest, of all states
    Jobs {
        #[command(subcommand)]
        command: Option<JobsCommand>,
        #[command(flatten)]
        list: command::jobs::List,
    },
    /// Show the stored events of the Kubernetes cluster
    #[command(args_conflicts_with_subcommands = true)]
    Events {
        #[command(subcommand)]
        command: Option<EventsCommand>,
        #[command(flatten)]
        options: command::events::ListOptions,
    },
    /// Show the alerts
    #[command(args_conflicts_with_subcommands = true)]
    Alerts {
        #[command(subcommand)]
        command: Option<AlertsCommand>,
        #[command(flatten)]
        options: command::alerts::AlertOptions,
    },
    /// Ask the running server whether it is ready: exit code 0 or 1
    Health {
        /// Ask whether it is alive, ready or not
        #[arg(long)]
        live: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Try a rule on the stored events: which alerts it would have raised
    ///
    /// Of each event the database knows when it happened last, and how often: all its occurrences count at that time.
    TestRule(Box<command::events::TestRuleOptions>),
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Show how it stands with the receivers of alerts
    Receivers,
}

#[derive(Debug, Subcommand)]
enum TasksCommand {
    /// Run a task once, in a process of its own, and print its result
    Run {
        /// The task's name
        name: String,
    },
    /// Have the running server run a task now
    Trigger(ControlArgs),
    /// Have the running server no longer follow a task's schedule, also after a restart
    Pause(ControlArgs),
    /// Have the running server follow a task's schedule again
    Resume(ControlArgs),
    /// Have the running server cancel a task's runs in progress
    Cancel(ControlArgs),
    /// Have the running server run a task at other times than those of its configuration
    Schedule {
        #[command(flatten)]
        control: ControlArgs,
        #[command(flatten)]
        times: Times,
    },
}

/// Which task, on which server, why and by whose right.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// The task's name
    pub(crate) name: String,
    /// Why: kept with the record of it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Which running server, and by whose right.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the server is, such as http://taskserver:5050; where the configuration has it listen, unless given
    #[arg(long, value_name = "URL", env = "TASKSERVER_URL")]
    pub(crate) url: Option<String>,
    /// The token to show: an operator's, an API key or a JWT
    #[arg(long, value_name = "TOKEN", env = "TASKSERVER_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Read the token from this file
    #[arg(long, value_name = "FILE", env = "TASKSERVER_TOKEN_FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
}

/// When a task is to run.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Times {
    /// At this interval, such as 5m
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) every: Option<String>,
    /// At the times of this cron pattern, in UTC; `TZ=Europe/Berlin 0 3 * * *` is in that time zone
    #[arg(long, value_name = "PATTERN")]
    pub(crate) cron: Option<String>,
    /// As configured again
    #[arg(long)]
    pub(crate) configured: bool,
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// Show a job with everything that is known of it, as JSON
    Show {
        /// The job's id
        id: String,
    },
    /// Put a job into the queue, and print its id
    Enqueue(command::jobs::Enqueue),
    /// Run a dead, cancelled or scheduled job (once more)
    Retry {
        /// The job's id
        id: String,
    },
    /// Cancel a job that has not come to its end
    Cancel {
        /// The job's id
        id: String,
    },
}

/// Parses the process's arguments, does what they say, and reports errors.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command.unwrap_or(Command::Run) {
        Command::Run => command::run::run(&cli.sources),
        Command::Demo => command::demo::run(&cli.sources),
        Command::Config { check } => command::config::run(&cli.sources, check),
        Command::Migrate => command::migrate::run(&cli.sources),
        Command::Status { server, json } => command::status::run(&cli.sources, &server, json),
        Command::Tasks { command: None, json, token } => command::tasks::list(&cli.sources, json, token.as_deref()),
        Command::Jobs { command, list } => match command {
            None => command::jobs::list(&cli.sources, &list),
            Some(JobsCommand::Show { id }) => command::jobs::show(&cli.sources, &id),
            Some(JobsCommand::Enqueue(job)) => command::jobs::enqueue(&cli.sources, &job),
            Some(JobsCommand::Retry { id }) => command::jobs::change(&cli.sources, &id, "queued"),
            Some(JobsCommand::Cancel { id }) => command::jobs::change(&cli.sources, &id, "cancelled"),
        },
        Command::Tasks { command: Some(command), .. } => match command {
            TasksCommand::Run { name } => command::tasks::run(&cli.sources, &name),
            TasksCommand::Trigger(control) => command::control::run(&cli.sources, Action::Trigger, control, None),
            TasksCommand::Pause(control) => command::control::run(&cli.sources, Action::Pause, control, None),
            TasksCommand::Resume(control) => command::control::run(&cli.sources, Action::Resume, control, None),
            TasksCommand::Cancel(control) => command::control::run(&cli.sources, Action::Cancel, control, None),
            TasksCommand::Schedule { control, times } => {
                command::control::run(&cli.sources, Action::Schedule, control, Some(times))
            }
        },
        Command::Events { command: None, options } => command::events::list(&cli.sources, &options),
        Command::Events { command: Some(EventsCommand::TestRule(rule)), .. } => {
            command::events::test_rule(&cli.sources, &rule)
        }
        Command::Alerts { command: None, options } => command::alerts::list(&cli.sources, &options),
        Command::Alerts { command: Some(AlertsCommand::Receivers), .. } => command::alerts::receivers(&cli.sources),
        Command::Health { live } => command::health::run(&cli.sources, live),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "taskserver", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| report(&error))
}

/// Tells the user what went wrong: a wrong configuration as it reports itself, any other error with its causes.
fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        print_error(&error.to_string());
        return ExitCode::from(CONFIGURATION_IS_WRONG);
    }
    print_error(&format!("Error: {error:#}"));
    match error.downcast_ref::<ImpossibleSettings>() {
        Some(_) => ExitCode::from(CONFIGURATION_IS_WRONG),
        None => ExitCode::FAILURE,
    }
}

/// Prints the output of a command. A reader that has gone, as in `taskserver config | head`, is no error.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
}

/// Tells the user something beside the output.
pub(crate) fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
