//! How often an address may fail to authenticate.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many addresses are counted one by one. Further ones share a count.
const MAX_ADDRESSES: usize = 10_000;

/// Where those are counted that are too many to be counted one by one.
const REST: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The failures of each address.
pub(super) struct Failures {
    /// How many an address may have in a window.
    max: u32,
    /// For how long failures count together, from the first on.
    window: Duration,
    counts: Mutex<Counts>,
}

struct Counts {
    windows: HashMap<IpAddr, Window>,
    /// When the windows that are over were last removed.
    swept: Instant,
}

struct Window {
    began: Instant,
    failures: u32,
}

impl Window {
    fn is_over(&self, length: Duration) -> bool {
        self.began.elapsed() >= length
    }
}

impl Failures {
    pub(super) fn new(max: u32, window: Duration) -> Self {
        Self { max, window, counts: Mutex::new(Counts { windows: HashMap::new(), swept: Instant::now() }) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an address has failed too often to try again now; if so, how long it has to wait.
    pub(super) fn are_too_many(&self, address: IpAddr) -> Option<Duration> {
        let counts = self.counts();
        let window = counts.windows.get(&counts.key(address)).filter(|window| window.failures >= self.max)?;
        self.window.checked_sub(window.began.elapsed()).filter(|wait| !wait.is_zero())
    }

    /// Counts a failure.
    pub(super) fn add(&self, address: IpAddr) {
        let mut counts = self.counts();
        if counts.windows.len() >= MAX_ADDRESSES && counts.swept.elapsed() >= self.window {
            counts.windows.retain(|_, window| !window.is_over(self.window));
            counts.swept = Instant::now();
        }
        let key = counts.key(address);
        let window = counts.windows.entry(key).or_insert_with(|| Window { began: Instant::now(), failures: 0 });
        if window.is_over(self.window) {
            *window = Window { began: Instant::now(), failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }
}

impl Counts {
    /// Under what an address is counted. Whoever has an IPv6 address has a whole network of them.
    fn key(&self, address: IpAddr) -> IpAddr {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        };
        let counted = self.windows.contains_key(&address) || self.windows.len() < MAX_ADDRESSES;
        if counted { address } else { REST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const WINDOW: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_address_may_fail_so_often_in_a_window_and_is_told_when_it_is_over() {
        let failures = Failures::new(2, WINDOW);
        let [one, other] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
        failures.add(one);
        assert_eq!(failures.are_too_many(one), None);
        tokio::time::advance(WINDOW / 4).await;
        failures.add(one);
        assert_eq!(failures.are_too_many(one), Some(WINDOW * 3 / 4));
        assert_eq!(failures.are_too_many(other), None);
        tokio::time::advance(WINDOW * 3 / 4).await;
        assert_eq!(failures.are_too_many(one), None);
        failures.add(one);
        assert_eq!(failures.are_too_many(one), None);
    }

    #[test]
    fn addresses_of_one_network_count_together_and_so_do_both_forms_of_one_address() {
        let failures = Failures::new(1, WINDOW);
        let failed = |address: &str| failures.add(address.parse().unwrap());
        let too_many = |address: &str| failures.are_too_many(address.parse().unwrap()).is_some();
        failed("2001:db8::1");
        assert!(too_many("2001:db8::ffff") && !too_many("2001:db8:0:1::1"));
        failed("::ffff:10.0.0.1");
        assert!(too_many("10.0.0.1"));
    }

    #[test]
    fn the_addresses_that_are_counted_are_bounded() {
        let failures = Failures::new(1, WINDOW);
        for number in 0..20_000_u32 {
            failures.add(IpAddr::V4(Ipv4Addr::from_bits(number)));
        }
        assert_eq!(failures.counts().windows.len(), MAX_ADDRESSES + 1);
        assert!(failures.are_too_many(IpAddr::V4(Ipv4Addr::from_bits(30_000))).is_some());
    }
}
