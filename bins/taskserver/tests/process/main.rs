//! The program as a process: what it prints, answers, stores and exits with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod agones;
mod alerts;
mod calls;
mod commands;
mod control;
mod crash;
mod engine_settings;
mod events;
mod life;
mod maintenance;
mod mistakes;
mod openapi;
#[cfg(feature = "otlp")]
mod otlp;
mod packages;
mod pages;
mod platform;
mod prometheus;
mod queue;
mod redis;
mod reload;
mod replicas;
mod report;
mod rest;
mod self_check;
mod status;
mod support;
mod surface;
