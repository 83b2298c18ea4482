//! The times of an election.

use std::time::Duration;

/// The times of an election. Replicas may have different ones: whoever follows goes by the duration that the leader wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElectionOptions {
    /// How long the lease of a leader lasts that is gone without giving it up. Default: 15 seconds.
    pub lease_duration: Duration,
    /// How long a leader trusts its lease without having renewed it; renewed it is five times as often. What is left until the
    /// lease's end is for runs to be cancelled, and for clocks that do not run at quite the same speed. Default: 10 seconds.
    pub renew_deadline: Duration,
    /// How often those who follow look at the lease, and how soon a renewal that failed is tried again: after a clean stop, the
    /// lead is vacant for as long. Default: half a second.
    pub retry_period: Duration,
}

impl Default for ElectionOptions {
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_millis(500),
        }
    }
}

/// Why there can be no such election.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElectionError {
    /// The leader would trust its lease for as long as it lasts, or longer.
    #[error(
        "a renew deadline of {renew_deadline:?} is too long; it must be shorter than the lease's {lease_duration:?}"
    )]
    RenewDeadlineTooLong {
        /// The deadline.
        renew_deadline: Duration,
        /// How long the lease lasts.
        lease_duration: Duration,
    },
    /// There would be hardly one attempt to renew.
    #[error(
        "a retry period of {retry_period:?} must be longer than 0s and at most half the renew deadline of {renew_deadline:?}"
    )]
    RetryPeriodOutOfRange {
        /// The period.
        retry_period: Duration,
        /// The deadline.
        renew_deadline: Duration,
    },
}

impl ElectionOptions {
    pub(super) fn validate(&self) -> Result<(), ElectionError> {
        let Self { lease_duration, renew_deadline, retry_period } = *self;
        if renew_deadline >= lease_duration {
            return Err(ElectionError::RenewDeadlineTooLong { renew_deadline, lease_duration });
        }
        if retry_period.is_zero() || retry_period > renew_deadline / 2 {
            return Err(ElectionError::RetryPeriodOutOfRange { retry_period, renew_deadline });
        }
        Ok(())
    }

    pub(super) fn renew_period(&self) -> Duration {
        self.renew_deadline / 5
    }

    /// How long one call of the store may take: there is time for another one before the deadline.
    pub(super) fn call_timeout(&self) -> Duration {
        self.renew_deadline / 2
    }
}
