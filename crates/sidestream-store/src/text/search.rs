//! Which exchanges and flows a filter can match, by the text that it asks for.

use std::collections::HashSet;

use rusqlite::OptionalExtension;
use sidestream_filter::{Filter, Texts};
use sidestream_flow::ExchangeId;
use sidestream_search::{Columns, PAGES, Page, Query};

use super::members::Members;
use crate::pack::unpack;
use crate::{ReadError, Reader, Seq, kind, wire};

/// The exchanges and flows in which a text may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    exchanges: HashSet<u64>,
    flows: HashSet<u64>,
}

impl Wanted {
    pub(crate) fn has_exchange(&self, id: u64) -> bool {
        self.exchanges.contains(&id)
    }

    /// Returns whether an exchange is to be looked at.
    pub fn contains(&self, exchange: ExchangeId) -> bool {
        self.has_exchange(exchange.0)
    }

    pub(crate) fn has_flow(&self, id: u64) -> bool {
        self.flows.contains(&id)
    }

    /// Returns how many exchanges are to be looked at.
    pub fn exchanges(&self) -> usize {
        self.exchanges.len()
    }
}

impl Reader {
    /// Returns in which exchanges and flows stands what a filter asks for in content, or may stand;
    /// `None` if it asks for nothing that could be looked up, or there is nothing to look it up in.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn wanted(&self, filter: &Filter) -> Result<Option<Wanted>, ReadError> {
        let query = query(&filter.texts());
        if query.is_any() || !self.version().has_text() {
            return Ok(None);
        }
        let mut found = Found::default();
        let mut statement =
            self.connection().prepare("SELECT id, last, members FROM text_group ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (group, last, members): (i64, i64, Vec<u8>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            // What is damaged covers nothing.
            let Some(members) = Members::from_bytes(&members, last) else { return Ok(None) };
            let columns = query.columns(|page| self.page(group, page, &members))?;
            found.add(members, last, columns);
        }
        if found.last == 0 {
            return Ok(None);
        }
        drop(rows);
        self.uncovered(&mut found)?;
        Ok(Some(found.wanted))
    }

    /// Returns a page of a group; of one that is damaged any bit may have been set.
    fn page(&self, group: i64, number: usize, members: &Members) -> Result<Page, ReadError> {
        let id = group.saturating_mul(PAGES as i64).saturating_add(number as i64);
        let found: Option<(i64, Vec<u8>)> = self
            .connection()
            .prepare_cached("SELECT size, data FROM text_page WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let page = match found {
            Some((size, data)) => unpack(data, size.cast_unsigned()).map(|data| Page(data.into())),
            // One without a bit has no row.
            None => Some(Page::default()),
        };
        let page = page.filter(|page| members.has_page(number, page));
        Ok(page.unwrap_or_else(Page::full))
    }

    /// Adds what is in no column: what came later, or belongs to a flow of which not all was seen.
    fn uncovered(&self, found: &mut Found) -> Result<(), ReadError> {
        let mut statement = self
            .connection()
            .prepare("SELECT id, flow, ended IS NULL OR last_seq > ?1 FROM exchange")?;
        let mut rows = statement.query([found.last])?;
        while let Some(row) = rows.next()? {
            let (id, flow, is_later): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (id, flow) = (id.cast_unsigned(), flow.cast_unsigned());
            if is_later || found.unseen.contains(&flow) || !found.covered.contains(&id) {
                found.wanted.exchanges.insert(id);
            }
        }
        found.wanted.flows.extend(&found.unseen);
        // Messages may have come to what had ended, or is in a column by an earlier one.
        let mut later = self.without_bodies(Seq(found.last.cast_unsigned().saturating_add(1))..);
        while let Some(stored) = later.stored()? {
            let Ok(entry) = stored.entry else { continue };
            match kind::name(entry.kind) {
                Some("data") => _ = found.wanted.flows.insert(entry.flow),
                Some("websocket") => {
                    found.wanted.exchanges.extend(wire::web_socket_exchange(&entry.payload));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the groups tell.
#[derive(Debug, Default)]
struct Found {
    wanted: Wanted,
    covered: HashSet<u64>,
    unseen: HashSet<u64>,
    /// The entry up to which they tell it.
    last: i64,
}

impl Found {
    fn add(&mut self, members: Members, last: i64, columns: Columns) {
        self.last = self.last.max(last);
        self.unseen.extend(members.unseen_flows);
        for (place, member) in members.columns.into_iter().enumerate() {
            if columns.contains(place) {
                self.wanted.exchanges.extend(&member.exchanges);
                self.wanted.flows.extend(&member.flows);
            }
            self.covered.extend(member.exchanges);
        }
    }
}

fn query(texts: &Texts<'_>) -> Query {
    match texts {
        Texts::All(all) => Query::all(all.iter().map(query)),
        Texts::Any(any) => Query::any(any.iter().map(query)),
        Texts::Anything => Query::ANY,
        Texts::Of(pattern) => Query::new(pattern.as_str()).unwrap_or(Query::ANY),
    }
}
