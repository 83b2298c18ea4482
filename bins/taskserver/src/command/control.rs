//! `taskserver tasks trigger|pause|resume|cancel|schedule`: control of the tasks of a running server, whichever of its replicas
//! answers.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::SignedDuration;
use taskserver_core::{Act, ActOutcome, Action};
use taskserver_http::ControlRequest;

use super::server::{ServerOfArgs, message};
use crate::cli::{ControlArgs, Sources, Times, print};

/// How long the server may take to answer: longer than it waits for the leader.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn run(
    sources: &Sources,
    action: Action,
    args: ControlArgs,
    times: Option<Times>,
) -> anyhow::Result<ExitCode> {
    let server = ServerOfArgs::new(sources, &args.server)?;
    if !server.has_token() {
        bail!("a token is needed: give --token-file FILE, or set TASKSERVER_TOKEN or TASKSERVER_TOKEN_FILE");
    }
    let request = request(args.reason, times)?;
    super::block_on(async {
        let client = server.client(TIMEOUT).await?;
        let path = format!("/api/tasks/{}/{}", args.name, action.name());
        let answer = client.post(&path, &serde_json::to_value(&request)?).await?;
        match serde_json::from_str::<Act>(&answer.body) {
            Ok(act) => report(&act),
            Err(_) => bail!("the server refused: {}", message(&answer.body)),
        }
    })
}

fn report(act: &Act) -> anyhow::Result<ExitCode> {
    let (task, detail) = (&act.task, act.detail.as_deref().unwrap_or_default());
    match (act.outcome, act.action) {
        (Some(ActOutcome::Done), Action::Trigger) => print(&format!("The task `{task}` runs: {detail}.")),
        (Some(ActOutcome::Done), Action::Pause) => print(&format!("The task `{task}` is paused.")),
        (Some(ActOutcome::Done), Action::Resume) => print(&format!("The task `{task}` is resumed.")),
        (Some(ActOutcome::Done), Action::Cancel) => print(&format!("The task `{task}`: {detail}.")),
        (Some(ActOutcome::Done), Action::Schedule) => print(&format!("The task `{task}` has a new schedule.")),
        (Some(ActOutcome::Refused | ActOutcome::Expired | ActOutcome::Lost), _) => bail!("nothing was done: {detail}"),
        (None, _) => {
            bail!("no replica leads at the moment; the act {} is done as soon as one does, within a minute", act.id)
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn request(reason: Option<String>, times: Option<Times>) -> anyhow::Result<ControlRequest> {
    let mut request = ControlRequest { reason, ..ControlRequest::default() };
    let Some(Times { every, cron, configured }) = times else { return Ok(request) };
    if let Some(every) = every {
        let length: Result<SignedDuration, _> = every.parse();
        let length = length.ok().and_then(|length| Duration::try_from(length).ok());
        request.every = Some(length.with_context(|| format!("`{every}` is no length of time, such as 5m or 1h 30m"))?);
    }
    (request.time_zone, request.cron) = match cron {
        Some(cron) => match cron.strip_prefix("TZ=").and_then(|rest| rest.split_once(' ')) {
            Some((zone, pattern)) => (Some(zone.to_owned()), Some(pattern.to_owned())),
            None => (None, Some(cron)),
        },
        None => (None, None),
    };
    request.configured = configured;
    Ok(request)
}
