//! The platform's tables: iR Engine's own. This server reads them as they are, adds rows to `analytics`, and never alters
//! them. Only for a deployment without the platform's database does it create them
//! ([`Store::create_platform_tables`](crate::Store::create_platform_tables)).

mod analytics;

pub use analytics::Retention;

use taskserver_core::{Field, FieldType, Method, Schema};

use crate::{Backend, Store, TableService};

/// The statements that create the tables which are not there.
pub(crate) fn tables(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => include_str!("sqlite.sql"),
        Backend::Postgres => include_str!("postgres.sql"),
        Backend::Mysql => include_str!("mysql.sql"),
    }
}

/// The services over the platform's tables, by their paths: `analytics` with every method; `channel`, `instance`,
/// `instance-attendance`, `location` and `user` to be read.
#[must_use]
pub fn platform_services(store: &Store) -> Vec<(&'static str, TableService)> {
    let service =
        |table, fields: Vec<Field>, methods| (table, TableService::new(store.clone(), table, schema(fields), methods));
    vec![
        service("analytics", analytics_fields(), &Method::ALL),
        service("channel", channel_fields(), &Method::READS),
        service("instance", instance_fields(), &Method::READS),
        service("instance-attendance", attendance_fields(), &Method::READS),
        service("location", location_fields(), &Method::READS),
        service("user", user_fields(), &Method::READS),
    ]
}

/// What every table has, and what else this one has.
fn schema(fields: Vec<Field>) -> Schema {
    let id = Field::required("id", FieldType::ID);
    let times = ["createdAt", "updatedAt"].map(|name| Field::required(name, FieldType::DateTime));
    Schema::new([id].into_iter().chain(fields).chain(times))
}

fn analytics_fields() -> Vec<Field> {
    vec![Field::nullable("count", FieldType::INT), Field::nullable("type", FieldType::TEXT)]
}

fn channel_fields() -> Vec<Field> {
    vec![Field::nullable("name", FieldType::TEXT), Field::nullable("instanceId", FieldType::ID)]
}

fn instance_fields() -> Vec<Field> {
    vec![
        Field::required("roomCode", FieldType::TEXT),
        Field::nullable("ipAddress", FieldType::TEXT),
        Field::nullable("channelId", FieldType::TEXT),
        Field::nullable("podName", FieldType::TEXT),
        Field::nullable("ended", FieldType::Boolean),
        Field::nullable("assigned", FieldType::Boolean),
        Field::nullable("assignedAt", FieldType::DateTime),
        Field::nullable("locationId", FieldType::ID),
        Field::nullable("projectId", FieldType::ID),
    ]
}

fn attendance_fields() -> Vec<Field> {
    vec![
        Field::nullable("isChannel", FieldType::Boolean),
        Field::nullable("ended", FieldType::Boolean),
        Field::nullable("userId", FieldType::ID),
        Field::nullable("instanceId", FieldType::ID),
        Field::nullable("peerId", FieldType::TEXT),
        Field::nullable("peerIndex", FieldType::INT),
    ]
}

fn location_fields() -> Vec<Field> {
    vec![
        Field::required("name", FieldType::TEXT),
        Field::required("slugifiedName", FieldType::TEXT),
        Field::nullable("sceneId", FieldType::TEXT),
        Field::nullable("isLobby", FieldType::Boolean),
        Field::nullable("isFeatured", FieldType::Boolean),
        Field::required("maxUsersPerInstance", FieldType::INT),
        Field::nullable("projectId", FieldType::ID),
        Field::nullable("updatedBy", FieldType::ID),
    ]
}

fn user_fields() -> Vec<Field> {
    vec![
        Field::required("name", FieldType::TEXT),
        Field::required("isGuest", FieldType::Boolean),
        Field::nullable("inviteCode", FieldType::TEXT),
        Field::nullable("did", FieldType::TEXT),
        Field::nullable("ageVerified", FieldType::Boolean),
        Field::nullable("isDeactivated", FieldType::Boolean),
        Field::nullable("deactivatedAt", FieldType::DateTime),
    ]
}
