//! Words in two languages, money and times as people write them.

use super::view::{Frame, Lang};
use app::clock::civil;
use domain::{Currency, Millis, Money};

impl Lang {
    /// The value of `lang` in HTML.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// The word of this language.
    pub fn t<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// The language of pages in which an order is written to.
    pub fn of_stored(lang: domain::order::Lang) -> Lang {
        match lang {
            domain::order::Lang::Zh => Lang::Zh,
            domain::order::Lang::En => Lang::En,
        }
    }

    /// The same language as orders and messages keep it.
    pub fn stored(self) -> domain::order::Lang {
        match self {
            Lang::Zh => domain::order::Lang::Zh,
            Lang::En => domain::order::Lang::En,
        }
    }

    /// The word of this language, for words that outlive whoever asks.
    pub(super) fn word(self, zh: &'static str, en: &'static str) -> &'static str {
        self.t(zh, en)
    }
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

impl Frame<'_> {
    /// The word of the page's language.
    pub fn t<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.lang.t(zh, en)
    }

    /// Money as buyers read it: 「¥29.70」 in Chinese, 「CN¥29.70」 in English, the code in front for other currencies.
    pub fn money(&self, amount: Money) -> String {
        format!("{}{}", self.sign(&amount.currency), amount.decimal())
    }

    /// What stands in front of an amount.
    pub fn sign(&self, currency: &Currency) -> String {
        match (currency.code(), self.lang) {
            ("CNY", Lang::Zh) => "¥".to_owned(),
            ("CNY", Lang::En) => "CN¥".to_owned(),
            ("USD", _) => "US$".to_owned(),
            ("EUR", _) => "€".to_owned(),
            (code, _) => format!("{code} "),
        }
    }

    /// Day number and minute of the day in the shop's time zone.
    fn local(&self, at: Millis) -> (i64, i64) {
        let at = at.saturating_add(i64::from(self.settings.utc_offset_minutes) * MINUTE_MS);
        (at.div_euclid(DAY_MS), at.rem_euclid(DAY_MS) / MINUTE_MS)
    }

    /// Hour and minute in the shop's time zone: 「14:05」.
    pub fn clock(&self, at: Millis) -> String {
        let (_, minute) = self.local(at);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }

    /// A moment as buyers read it: 「今天 14:05」, older 「11-22 14:05」.
    pub fn moment(&self, at: Millis) -> String {
        let (day, _) = self.local(at);
        if day == self.local(self.now).0 {
            return format!("{} {}", self.t("今天", "Today"), self.clock(at));
        }
        let (_, month, date) = civil(day);
        format!("{month:02}-{date:02} {}", self.clock(at))
    }

    /// A moment in full, with the time zone: 「2026-11-22 14:05 UTC+8」.
    pub fn full_moment(&self, at: Millis) -> String {
        let (year, month, date) = civil(self.local(at).0);
        let offset = self.settings.utc_offset_minutes;
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        let minutes = if minutes == 0 { String::new() } else { format!(":{minutes:02}") };
        format!("{year:04}-{month:02}-{date:02} {} UTC{sign}{hours}{minutes}", self.clock(at))
    }

    /// A day: 「2026-11-29」.
    pub fn day(&self, at: Millis) -> String {
        let (year, month, date) = civil(self.local(at).0);
        format!("{year:04}-{month:02}-{date:02}")
    }
}
