//! A short memory of who was looked up: a client that asks often costs the database little.
//!
//! Only what was found is kept, and under a hash, so that neither guesses fill the cache nor are credentials left lying about.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ring::digest::{SHA256, digest};
use taskserver_core::ServiceError;
use tokio::time::Instant;

use super::{Account, Directory};

/// A directory whose answers are kept for a while. That is how long a revoked key, a scope that was taken away or a
/// deactivated user may still be let in.
pub struct CachedDirectory<D> {
    directory: D,
    keep: Duration,
    max: usize,
    accounts: Mutex<HashMap<Key, (Account, Instant)>>,
}

/// The hash of a credential of one kind.
type Key = [u8; 32];

impl<D: Directory> CachedDirectory<D> {
    /// Keeps up to `max` answers of this directory, each for `keep`.
    #[must_use]
    pub fn new(directory: D, keep: Duration, max: usize) -> Self {
        Self { directory, keep, max, accounts: Mutex::default() }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Key, (Account, Instant)>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep(
        &self,
        kind: &str,
        credential: &str,
        look_up: impl Future<Output = Result<Option<Account>, ServiceError>>,
    ) -> Result<Option<Account>, ServiceError> {
        let key = key(kind, credential);
        if let Some((account, kept)) = self.accounts().get(&key)
            && kept.elapsed() < self.keep
        {
            return Ok(Some(account.clone()));
        }
        let account = look_up.await?;
        let mut accounts = self.accounts();
        accounts.remove(&key);
        if let Some(account) = &account {
            if accounts.len() >= self.max {
                accounts.retain(|_, (_, kept)| kept.elapsed() < self.keep);
            }
            if accounts.len() < self.max {
                accounts.insert(key, (account.clone(), Instant::now()));
            }
        }
        Ok(account)
    }
}

fn key(kind: &str, credential: &str) -> Key {
    let hash = digest(&SHA256, format!("{kind} {credential}").as_bytes());
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[async_trait]
impl<D: Directory> Directory for CachedDirectory<D> {
    async fn by_identity_provider(&self, id: &str) -> Result<Option<Account>, ServiceError> {
        self.keep("identity-provider", id, self.directory.by_identity_provider(id)).await
    }

    async fn by_api_key(&self, token: &str) -> Result<Option<Account>, ServiceError> {
        self.keep("user-api-key", token, self.directory.by_api_key(token)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Knows every key but `nobody`, and counts how often it is asked.
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Directory for Counting {
        async fn by_identity_provider(&self, id: &str) -> Result<Option<Account>, ServiceError> {
            self.by_api_key(id).await
        }

        async fn by_api_key(&self, token: &str) -> Result<Option<Account>, ServiceError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let account = Account { user: token.to_owned(), deactivated: false, scopes: ["a:b".to_owned()].into() };
            Ok((token != "nobody").then_some(account))
        }
    }

    fn cache(max: usize) -> CachedDirectory<Counting> {
        CachedDirectory::new(Counting(AtomicUsize::new(0)), Duration::from_secs(30), max)
    }

    impl CachedDirectory<Counting> {
        fn asked(&self) -> usize {
            self.directory.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_is_looked_up_again_when_the_answer_is_too_old() {
        let cache = cache(10);
        for _ in 0..3 {
            assert_eq!(cache.by_api_key("a").await.unwrap().unwrap().user, "a");
        }
        assert_eq!(cache.asked(), 1);
        tokio::time::advance(Duration::from_secs(30)).await;
        cache.by_api_key("a").await.unwrap();
        assert_eq!(cache.asked(), 2);
    }

    #[tokio::test]
    async fn kinds_of_credentials_are_kept_apart() {
        let cache = cache(10);
        cache.by_api_key("a").await.unwrap();
        cache.by_identity_provider("a").await.unwrap();
        assert_eq!(cache.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_holds_no_more_than_it_may_and_nothing_that_was_not_found() {
        let cache = cache(2);
        for token in ["nobody", "a", "b", "c"] {
            cache.by_api_key(token).await.unwrap();
        }
        assert_eq!(cache.accounts().len(), 2);
        for (token, asked) in [("a", 4), ("c", 5), ("nobody", 6)] {
            cache.by_api_key(token).await.unwrap();
            assert_eq!(cache.asked(), asked, "{token}");
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        cache.by_api_key("c").await.unwrap();
        assert_eq!(cache.accounts().len(), 1);
    }
}
