//! `/o/{id}`: an order from first code to refund. One address and one renderer; the body changes by state.

mod pay;
pub(super) mod words;

use super::env::Lead;
use super::layout::html;
use super::view::{Access, Frame, OrderView, Stage};
use askama::Template;
use pay::Pay;
pub use words::patience;
use words::{Action, Words};

/// What the templates show beside the view itself.
struct Page {
    /// `data-stage`.
    stage: &'static str,
    /// `data-seconds-left`.
    seconds_left: i64,
    words: Words,
    actions: &'static [Action],
    notice: String,
    /// Sentences of money beside the money, and whether the shop should be asked.
    extras: Vec<(String, bool)>,
    is_locked: bool,
    /// Whether there is something to uncover.
    has_keys: bool,
    /// Whether money is awaited, so that methods, the check and the cancelling are offered.
    is_waiting: bool,
    pay: Option<Pay>,
    /// How far the stepper is: 1 to pay, 2 being confirmed, 3 keys; 4 when all is done, 0 without a stepper.
    step: u8,
    /// Width of the code that opens the order elsewhere, CSS pixels.
    link_side: u32,
}

impl Page {
    fn new(f: &Frame<'_>, v: &OrderView<'_>) -> Page {
        let is_locked = v.access == Access::Locked;
        let seconds_left = match &v.stage {
            Stage::Awaiting { seconds_left } | Stage::NoCode { seconds_left } => (*seconds_left).max(0),
            _ => 0,
        };
        let is_waiting = !is_locked && matches!(&v.stage, Stage::Awaiting { .. } | Stage::NoCode { .. });
        let is_awaiting = !is_locked && matches!(&v.stage, Stage::Awaiting { .. });
        Page {
            stage: words::stage_name(&v.stage),
            seconds_left,
            words: words::words(f, v),
            actions: if is_locked { &[] } else { words::actions(v) },
            notice: words::notice(f, v),
            extras: match is_locked {
                true => Vec::new(),
                false => v.extras.iter().map(|extra| words::extra(f, v.amount, extra)).collect(),
            },
            is_locked,
            has_keys: !is_locked && matches!(&v.stage, Stage::Delivered | Stage::Completed),
            is_waiting,
            pay: v.payment.as_ref().filter(|_| is_awaiting).map(|payment| Pay::new(f, payment, v.amount)),
            step: match &v.stage {
                Stage::Awaiting { .. } | Stage::NoCode { .. } => 1,
                Stage::Checking | Stage::Review => 2,
                Stage::Paid { .. } | Stage::Manual | Stage::Queued { .. } => 3,
                Stage::Delivered => 4,
                _ => 0,
            },
            link_side: v.link.as_deref().and_then(super::qr::modules).map_or(0, pay::side),
        }
    }

    /// `00:00` in minutes and seconds.
    fn clock(&self) -> String {
        format!("{:02}:{:02}", self.seconds_left / 60, self.seconds_left % 60)
    }

    /// Whether the buyer should hurry.
    fn is_late(&self) -> bool {
        self.seconds_left < 120
    }

    /// Whether "another method" is the primary thing to do.
    fn others_lead(&self, v: &OrderView<'_>) -> bool {
        !v.others.is_empty() && self.pay.as_ref().is_none_or(|pay| pay.is_elsewhere())
    }

    /// Whether "I have paid" is the primary thing to do: whenever nothing else on the page is.
    fn check_leads(&self, v: &OrderView<'_>) -> bool {
        !self.others_lead(v) && self.pay.as_ref().is_none_or(|pay| !pay.has_button())
    }

    /// The class of an action's button: the first one of a state is the filled one.
    fn action_class(&self, index: usize) -> &'static str {
        if index == 0 { "b-1 b-l" } else { "b-2 b-l" }
    }

    /// Whether the code of the link stands on the page already.
    fn shows_link_code(&self, v: &OrderView<'_>) -> bool {
        let shows = |pay: &Pay| pay.is_elsewhere() || (pay.lead == Lead::Go && !pay.is_phone);
        v.link.is_some() && self.pay.as_ref().is_some_and(shows)
    }

    /// What a page without scripts does by itself: look again, or go on to the keys.
    fn refresh(&self, v: &OrderView<'_>) -> Option<String> {
        match (&v.stage, v.access) {
            (_, Access::Locked) => None,
            (Stage::Awaiting { .. } | Stage::Checking | Stage::Paid { .. }, _) => Some("8".to_owned()),
            // Whoever pressed something first reads what came of it.
            (Stage::Delivered | Stage::Completed, Access::Open) if v.notice.is_some() => {
                Some(format!("8;url=/o/{}/keys", v.id))
            }
            (Stage::Delivered | Stage::Completed, Access::Open) => Some(format!("0;url=/o/{}/keys", v.id)),
            _ => None,
        }
    }
}

#[derive(Template)]
#[template(path = "order.html")]
struct Whole<'a> {
    f: &'a Frame<'a>,
    v: &'a OrderView<'a>,
    p: Page,
}

#[derive(Template)]
#[template(path = "order_main.html")]
struct Part<'a> {
    f: &'a Frame<'a>,
    v: &'a OrderView<'a>,
    p: Page,
}

/// The whole page.
pub fn order(frame: &Frame<'_>, view: &OrderView<'_>) -> String {
    html(&Whole { f: frame, v: view, p: Page::new(frame, view) })
}

/// The inside of `<main>`, for the script that swaps it.
pub fn order_main(frame: &Frame<'_>, view: &OrderView<'_>) -> String {
    html(&Part { f: frame, v: view, p: Page::new(frame, view) })
}
