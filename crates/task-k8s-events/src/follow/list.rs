//! Lists, page by page.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Follower, Phase, Step, older};
use crate::cursor::{Gap, GapReason, Listing, Missed, Point, Position};
use crate::event::EventRecord;
use crate::{ChangeKind, Error};

impl Follower {
    /// Reads a page: the first one, or the one that a token continues with.
    pub(super) async fn list(
        &mut self,
        under_way: Option<(Point, String)>,
        mut missed: Option<Missed>,
        mut delivered: Option<Point>,
    ) -> Result<Step, Error> {
        let asked_at = Timestamp::now();
        let is_first = under_way.is_none();
        let token = under_way.as_ref().map(|(_, token)| token.as_str());
        let page = match (self.api.page(self.page_size, token).await, under_way) {
            (Ok(page), under_way) => {
                let first = Point { resource_version: page.resource_version.clone(), at: asked_at };
                self.page_size = self.page_size.saturating_mul(2).min(self.options.page_size);
                (page, under_way.map_or(first, |(start, _)| start))
            }
            (Err(error @ Error::PageTooLarge { .. }), _) => {
                self.page_size = (self.page_size / 2).max(1);
                return Err(error);
            }
            // The token is too old, or means nothing to this server: the list begins anew, and what was deleted since its
            // first page without having been read is lost.
            (Err(error @ (Error::Expired { .. } | Error::Api { code: 400, .. })), Some((start, _))) => {
                let missed = missed.or(Some(Missed { from: start, why: GapReason::ListExpired }));
                self.phase = Phase::Starting { missed, delivered };
                return Err(error);
            }
            (Err(error), _) => return Err(error),
        };
        let (page, start) = page;

        // By the time that this page came, what was written after the list before may have expired unseen. Its own time counts,
        // not the one at which it was due: there may have been many failures in between.
        let is_late = |point: &mut Point| is_first && may_have_expired(point, Timestamp::now(), self.options.event_ttl);
        if let Some(point) = delivered.take_if(is_late) {
            missed = missed.or(Some(Missed { from: point, why: GapReason::LatePoll }));
        }
        // A list that is older than what we have seen belongs to another history.
        let is_older = |point: &Point| older(&start.resource_version, &point.resource_version);
        if let Some(missed) = missed.as_mut().filter(|missed| is_older(&missed.from)) {
            missed.why = GapReason::HistoryReset;
        }
        if let Some(point) = delivered.take_if(|point| is_older(point)) {
            missed = missed.or(Some(Missed { from: point, why: GapReason::HistoryReset }));
        }

        let mut changes = Vec::with_capacity(page.items.len());
        let mut rejected = Vec::new();
        for item in page.items {
            let was_delivered = |event: &EventRecord| {
                delivered.as_ref().is_some_and(|point| !event.resource_version.replaces(&point.resource_version))
            };
            match item {
                Ok(event) if was_delivered(&event) => {}
                item => self.keep(ChangeKind::Applied, item, &mut changes, &mut rejected),
            }
        }
        let mut gap = None;
        let position = match page.continue_token {
            Some(continue_token) => {
                let listing = Listing { start, continue_token, missed, delivered };
                self.phase = Phase::Listing(listing.clone());
                Position::Listing(listing)
            }
            None => {
                let to = start.clone();
                // Where nothing at all was written, nothing was missed.
                gap = missed
                    .filter(|missed| missed.from.resource_version != to.resource_version)
                    .map(|Missed { from, why }| Gap { namespace: self.namespace.clone(), from, to, why });
                self.follow(start)
            }
        };
        Ok(Step { changes, rejected, gap, position })
    }
}

/// Whether an event that was written just after this point could have expired by now.
fn may_have_expired(point: &Point, now: Timestamp, event_ttl: Duration) -> bool {
    SignedDuration::try_from(event_ttl).is_ok_and(|event_ttl| now.duration_since(point.at) > event_ttl)
}
