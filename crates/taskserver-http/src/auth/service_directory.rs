//! The directory in the platform's tables, over services of the core.
//!
//! These services are the directory's own and no part of an app: what is in these tables must not be reachable from outside.
//! They know only the columns that are needed here, so that the others are never read.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use subtle::ConstantTimeEq;
use taskserver_core::{ErrorKind, Field, FieldType, Query, Record, Schema, Service, ServiceError};

use super::{Account, Directory};

/// How many scopes of one user are looked at.
const MAX_SCOPES: u64 = 1000;
/// The id of no user: what is looked up where there is none, so that it takes as long.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Users in the platform's tables `identity-provider`, `user-api-key`, `user` and `scope`.
pub struct ServiceDirectory {
    identity_providers: Arc<dyn Service>,
    api_keys: Arc<dyn Service>,
    users: Arc<dyn Service>,
    scopes: Arc<dyn Service>,
}

impl ServiceDirectory {
    /// A directory of services that `over` makes, each over the table of this name with these columns.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use taskserver_core::MemoryService;
    /// use taskserver_http::ServiceDirectory;
    ///
    /// let directory = ServiceDirectory::new(|_table, schema| Arc::new(MemoryService::new(schema)));
    /// ```
    #[must_use]
    pub fn new(over: impl Fn(&'static str, Schema) -> Arc<dyn Service>) -> Self {
        let service = |table, fields: Vec<Field>| {
            let id = Field::required("id", FieldType::ID);
            let times = ["createdAt", "updatedAt"].map(|name| Field::required(name, FieldType::DateTime));
            over(table, Schema::new([id].into_iter().chain(fields).chain(times)))
        };
        Self {
            identity_providers: service("identity-provider", vec![Field::nullable("userId", FieldType::ID)]),
            api_keys: service(
                "user-api-key",
                vec![Field::required("token", FieldType::ID), Field::nullable("userId", FieldType::ID)],
            ),
            users: service("user", vec![Field::nullable("isDeactivated", FieldType::Boolean)]),
            scopes: service(
                "scope",
                vec![Field::nullable("userId", FieldType::ID), Field::nullable("type", FieldType::TEXT)],
            ),
        }
    }

    /// The account of the user to whom a record belongs, if it is the record that was looked for.
    async fn account(&self, record: Option<Record>, field: &str, value: &str) -> Result<Option<Account>, ServiceError> {
        let same = |record: &Record| bool::from(text(record, field).as_bytes().ct_eq(value.as_bytes()));
        let user = record.filter(same).map(|record| text(&record, "userId").to_owned());
        let id = user.as_deref().filter(|id| !id.is_empty()).unwrap_or(NOBODY);
        let scopes = Query::new().eq("userId", id).limit(MAX_SCOPES);
        let (found, scopes) = futures_util::try_join!(one(&*self.users, "id", id), all(&*self.scopes, scopes))?;
        Ok(found.filter(|user| text(user, "id") == id).map(|user| Account {
            user: id.to_owned(),
            deactivated: user.get("isDeactivated") == Some(&Value::Bool(true)),
            scopes: scopes.iter().map(|scope| text(scope, "type").to_owned()).collect(),
        }))
    }
}

#[async_trait]
impl Directory for ServiceDirectory {
    async fn by_identity_provider(&self, id: &str) -> Result<Option<Account>, ServiceError> {
        self.account(one(&*self.identity_providers, "id", id).await?, "id", id).await
    }

    async fn by_api_key(&self, token: &str) -> Result<Option<Account>, ServiceError> {
        self.account(one(&*self.api_keys, "token", token).await?, "token", token).await
    }
}

fn text<'a>(record: &'a Record, field: &str) -> &'a str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

async fn all(service: &dyn Service, query: Query) -> Result<Vec<Record>, ServiceError> {
    match service.find(&query.into()).await {
        Ok(page) => Ok(page.data),
        // What the field cannot hold, no record has.
        Err(error) if error.kind() == ErrorKind::BadRequest => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn one(service: &dyn Service, field: &str, value: &str) -> Result<Option<Record>, ServiceError> {
    Ok(all(service, Query::new().eq(field, value).limit(1)).await?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Mutex;
    use taskserver_core::{App, MemoryService, Method, Page, Params};

    /// Notes in which table something was looked for.
    struct Noting {
        table: &'static str,
        records: MemoryService,
        asked: Arc<Mutex<Vec<&'static str>>>,
    }

    #[async_trait]
    impl Service for Noting {
        fn schema(&self) -> &Schema {
            self.records.schema()
        }

        fn methods(&self) -> &[Method] {
            &Method::READS
        }

        async fn find(&self, params: &Params) -> Result<Page, ServiceError> {
            self.asked.lock().unwrap().push(self.table);
            self.records.find(params).await
        }
    }

    #[tokio::test]
    async fn the_same_is_looked_up_whether_or_not_there_is_such_a_user() {
        let asked: Arc<Mutex<Vec<_>>> = Arc::default();
        let directory = ServiceDirectory::new(|table, schema| {
            Arc::new(Noting { table, records: MemoryService::new(schema), asked: Arc::clone(&asked) })
        });
        // A directory only reads: its one user comes with the table.
        let known = ServiceDirectory { users: with_user(&asked).await, ..directory };
        for (id, found) in [("provider", true), ("unknown", false), ("not stored anywhere, and far too long", false)] {
            asked.lock().unwrap().clear();
            let account = known.account((id == "provider").then(|| record(id)), "id", id).await.unwrap();
            assert_eq!(account.is_some(), found, "{id}");
            let mut tables = asked.lock().unwrap().clone();
            tables.sort_unstable();
            assert_eq!(tables, ["scope", "user"], "{id}");
        }
    }

    async fn with_user(asked: &Arc<Mutex<Vec<&'static str>>>) -> Arc<dyn Service> {
        let records = MemoryService::new(Schema::new([Field::required("id", FieldType::ID)]));
        let users = App::builder().service("user", records.clone()).build().unwrap();
        users.service("user").create(json!({"id": "user"})).await.unwrap();
        Arc::new(Noting { table: "user", records, asked: Arc::clone(asked) })
    }

    fn record(id: &str) -> Record {
        json!({"id": id, "userId": "user"}).as_object().unwrap().clone()
    }

    #[tokio::test]
    async fn a_record_that_the_database_found_too_loosely_is_not_taken() {
        let asked = Arc::default();
        let directory = ServiceDirectory::new(|_, schema| Arc::new(MemoryService::new(schema)));
        let directory = ServiceDirectory { users: with_user(&asked).await, ..directory };
        let found = async |found: &str, wanted: &str| {
            directory.account(Some(record(found)), "id", wanted).await.unwrap().is_some()
        };
        assert!(found("provider", "provider").await);
        assert!(!found("PROVIDER", "provider").await);
        assert!(!found("provider ", "provider").await);
        assert!(!found("", "provider").await);
    }
}
