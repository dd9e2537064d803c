//! What the pages show, as plain data: a handler fills these, a template words them. Nothing here asks a table or a clock.

use app::settings::{Contact, Presentation, Settings, Texts};
use domain::product::Product;
use domain::{AccountId, Millis, Money};

/// The two languages of the pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lang {
    /// Chinese, simplified.
    Zh,
    /// English.
    En,
}

/// The program that shows the page, as far as it matters for paying.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Env {
    /// A phone or tablet, where an app may be opened.
    pub is_phone: bool,
    /// Whose own browser it is.
    pub inside: Inside,
}

/// Browsers inside other apps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Inside {
    /// A browser of its own.
    #[default]
    Browser,
    /// WeChat.
    Wechat,
    /// QQ.
    Qq,
    /// Alipay.
    Alipay,
}

/// What stands around every page.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The buyer's language.
    pub lang: Lang,
    /// The shop's words.
    pub settings: &'a Settings,
    /// Whether a channel that moves no real money takes payments.
    pub is_sandbox: bool,
    /// Where the page lives, without a query: the language switch comes back here.
    pub path: &'a str,
    /// The time of the answer, Unix ms.
    pub now: Millis,
    /// The program that asks.
    pub env: Env,
}

/// A product and how many of it can be had.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The product.
    pub product: &'a Product,
    /// How it is shown.
    pub look: &'a Presentation,
    /// Cards that can be held; `None` when nobody has counted yet.
    pub stock: Option<u64>,
}

/// `/`: the products.
#[derive(Clone, Debug)]
pub struct ShopView<'a> {
    /// What fits category and query, in the order to show.
    pub rows: Vec<Row<'a>>,
    /// How many are listed in all.
    pub listed: usize,
    /// All categories, in the order of their first product.
    pub categories: Vec<&'a str>,
    /// The chosen one; empty for all.
    pub category: &'a str,
    /// What was searched for; empty for nothing.
    pub query: &'a str,
}

/// A way to pay as buyers know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Method {
    /// The channel account behind it.
    pub account: AccountId,
    /// What it is.
    pub kind: MethodKind,
}

/// Ways to pay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MethodKind {
    /// Alipay (支付宝).
    Alipay,
    /// WeChat Pay (微信支付).
    Wechat,
    /// A page of a gateway that offers several ways, such as 易支付.
    Gateway,
    /// USDT on some chain.
    Usdt,
    /// Cards.
    Card,
    /// The local shop's own gateway: no real money.
    Sandbox,
}

/// What a buyer typed into the form.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FormValues {
    /// As typed.
    pub quantity: String,
    /// As typed.
    pub contact: String,
    /// The chosen account's id; empty for the first.
    pub channel: String,
    /// The seller's fields by id.
    pub fields: Vec<(String, String)>,
    /// As typed.
    pub query_password: String,
    /// As typed.
    pub coupon: String,
    /// Whether the notice was ticked.
    pub agreed: bool,
}

/// Something to tell about a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormNotice {
    /// Sold out between page and press.
    SoldOut,
    /// Only so many are left; the quantity in the form has been changed to it.
    OnlyLeft(u64),
    /// Another price than the page showed; the new one is the product's.
    PriceChanged,
    /// Not on sale any more.
    OffSale,
    /// This way to pay is not available now.
    ChannelDown,
    /// Too many unpaid orders are open.
    TooManyOpen,
    /// Too fast; again in so many seconds.
    TooFast(i64),
    /// The page was old, or its key named another order: sent again, it is good.
    Stale,
    /// The shop is closed; the reason stands in the settings.
    Closed,
    /// Nothing was decided; the same form may be sent again.
    Unavailable,
}

/// `/p/{product}`: a product and its order form.
#[derive(Clone, Debug)]
pub struct ProductView<'a> {
    /// The product.
    pub row: Row<'a>,
    /// Its long texts.
    pub texts: &'a Texts,
    /// Ways to pay that work where the page is open, in the seller's order.
    pub methods: Vec<Method>,
    /// What the form holds.
    pub values: FormValues,
    /// Fields that do not fit: the form's name (`quantity`, `contact`, `channel`, `fields.x`, `query_password`, `coupon`,
    /// `agree`) and the code of the API (`required`, `malformed`, `quantity_range`, `length`, `unknown`, `contact_kind` …).
    pub errors: Vec<(String, &'static str)>,
    /// What else there is to tell.
    pub notice: Option<FormNotice>,
    /// The hidden idempotency key of this rendering.
    pub nonce: String,
    /// How long stock is held, minutes.
    pub hold_minutes: i64,
    /// An unpaid order of this product made on this device: its id.
    pub unpaid: Option<String>,
    /// Other products, for when this one is sold out.
    pub others: Vec<Row<'a>>,
}

/// Who looks at an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nobody who has shown that it is theirs.
    Locked,
    /// The holder of its link or of its password; keys are covered.
    Covered,
    /// The device that ordered, or that has uncovered the keys.
    Open,
}

/// Where an order stands, as its buyer reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Money is awaited for so many more seconds.
    Awaiting {
        /// Seconds.
        seconds_left: i64,
    },
    /// Money is awaited, and the channel makes no code now.
    NoCode {
        /// Seconds.
        seconds_left: i64,
    },
    /// The time is over; whether money came at the last moment is being asked.
    Checking,
    /// Paid, and the key is being fetched, for so many seconds now.
    Paid {
        /// Seconds.
        since: i64,
    },
    /// Paid, and a person delivers it.
    Manual,
    /// Paid, and waits for stock.
    Queued {
        /// Its place, from 1.
        place: u32,
    },
    /// Delivered.
    Delivered,
    /// Delivered a week ago or longer.
    Completed,
    /// Nobody paid in time.
    Expired,
    /// Given up by its buyer, or its channel failed.
    Cancelled,
    /// Money came after the end.
    Late,
    /// The money goes back.
    RefundDue {
        /// Why.
        why: RefundWhy,
        /// Whether a person sends it, because the channel cannot.
        by_hand: bool,
    },
    /// The money went back, in full or in part.
    Refunded {
        /// When, Unix ms.
        at: Millis,
        /// The reference under which it went; empty when there is none.
        reference: String,
    },
    /// A person looks at it before delivery.
    Review,
}

/// Why money goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundWhy {
    /// Sold out when the money came.
    SoldOutWhenPaid,
    /// The seller gives it back.
    Seller,
    /// A review refused it.
    Review,
}

/// Money beside the money that settled the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Extra {
    /// Paid twice.
    Double {
        /// How much.
        amount: Money,
        /// How.
        method: MethodKind,
        /// When, Unix ms.
        at: Millis,
    },
    /// Another amount than the one to pay.
    WrongAmount {
        /// What came.
        got: Money,
    },
}

/// The answer to a press on an order's page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckNotice {
    /// The money was found.
    Found,
    /// The provider knows of no money yet.
    NotYet,
    /// The provider gave no answer.
    NoAnswer,
    /// Asked a moment ago; again in so many seconds.
    TooSoon(i64),
    /// The order waits for no money any more, so nothing was changed.
    NotWaiting,
    /// The other way to pay makes no code now.
    ChannelDown,
    /// Nothing was decided; try again.
    Unavailable,
    /// Unlocking: contact and password open no such order.
    UnlockNone,
    /// Unlocking: too many tries; again in so many minutes.
    UnlockShut(i64),
    /// The link is on its way to the contact's mailbox.
    Mailed,
    /// Enough mails were asked for today.
    MailedEnough,
}

/// What is shown to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentView {
    /// How.
    pub method: Method,
    /// The attempt's number, for the address of its picture.
    pub attempt: u8,
    /// What the provider made.
    pub shown: payments::Created,
    /// What is to be paid where it is not the order's own amount.
    pub due: Option<payments::Due>,
}

/// `/o/{id}`: an order from first code to refund.
#[derive(Clone, Debug)]
pub struct OrderView<'a> {
    /// Its id.
    pub id: String,
    /// Who looks.
    pub access: Access,
    /// Where it stands.
    pub stage: Stage,
    /// Names state and everything else that changes the page, for `X-State`.
    pub version: String,
    /// How long to wait before asking again, ms.
    pub next_poll_ms: i64,
    /// What was bought.
    pub product_name: &'a str,
    /// Its id, for "order again".
    pub product: &'a str,
    /// How many.
    pub quantity: u32,
    /// What is, or was, to pay.
    pub amount: Money,
    /// What came, when it came.
    pub paid: Option<Money>,
    /// What has gone back, or is on its way.
    pub returned: Money,
    /// When it was made, Unix ms.
    pub created_at: Millis,
    /// Until when its stock is held, Unix ms.
    pub expires_at: Millis,
    /// When its money was proven, Unix ms.
    pub paid_at: Option<Millis>,
    /// When it was delivered, Unix ms.
    pub delivered_at: Option<Millis>,
    /// Until when its keys can be seen, Unix ms; `None` without an end.
    pub viewable_until: Option<Millis>,
    /// What to pay now.
    pub payment: Option<PaymentView>,
    /// Other ways to pay.
    pub others: Vec<Method>,
    /// The method the newest attempt was made with, for the texts that name it.
    pub method: MethodKind,
    /// Money beside the money.
    pub extras: Vec<Extra>,
    /// What came of the buyer's last press.
    pub notice: Option<CheckNotice>,
    /// The contact as typed; `None` while locked.
    pub contact: Option<String>,
    /// The code with which it can be found again (取单码), when no password was set; `None` while locked.
    pub collection_code: Option<String>,
    /// The whole link with its token, to copy; `None` while locked.
    pub link: Option<String>,
    /// Whether the link can be sent to the contact's mailbox.
    pub can_mail: bool,
    /// Whom to ask.
    pub support: &'a [Contact],
    /// What happened, oldest first.
    pub timeline: Vec<(Happened, Millis)>,
    /// Days of warranty; 0 for none.
    pub warranty_days: u32,
    /// The account of the newest attempt, to try again with it when it makes no code.
    pub account: AccountId,
}

/// Steps of a timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// The order was made.
    Created,
    /// Its money was proven.
    Paid,
    /// Its key was delivered.
    Delivered,
    /// It was closed.
    Closed,
    /// Money was sent back.
    Refund,
}

/// `/o/{id}/keys`: what was bought.
#[derive(Clone, Debug)]
pub struct KeysView<'a> {
    /// The order's id.
    pub id: String,
    /// What was bought.
    pub product_name: &'a str,
    /// The keys, in order.
    pub keys: Vec<String>,
    /// How each falls into parts.
    pub template: Option<&'a app::settings::CardTemplate>,
    /// What to do with them, as safe HTML; empty for nothing.
    pub instructions_html: String,
    /// Until when they can be seen, Unix ms.
    pub viewable_until: Option<Millis>,
    /// The code with which the order can be found again, when no password was set.
    pub collection_code: Option<String>,
    /// Days of warranty; 0 for none.
    pub warranty_days: u32,
    /// Whether the order's link can be sent to the contact's mailbox.
    pub can_mail: bool,
    /// Whom to ask.
    pub support: &'a [Contact],
}

/// `/lookup`: finding orders again.
#[derive(Clone, Debug, Default)]
pub struct LookupView<'a> {
    /// Orders made on this device, the newest first.
    pub recent: Vec<Found<'a>>,
    /// What was found; `None` before anything was looked for.
    pub found: Option<Vec<Found<'a>>>,
    /// The contact as typed.
    pub contact: String,
    /// Any number of the order, as typed.
    pub number: String,
    /// Whether links can be sent to a contact's mailbox.
    pub can_mail: bool,
    /// What else there is to tell.
    pub notice: Option<LookupNotice>,
}

/// Something to tell about a look-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupNotice {
    /// A field is empty.
    Incomplete,
    /// Nothing was found.
    None,
    /// Too many tries; again in so many minutes.
    Locked(i64),
    /// Nothing was decided; try again.
    Unavailable,
    /// Links: the contact is no mail address.
    NoMail,
    /// Links: on their way, if that contact has orders here.
    Mailed,
    /// Links: enough were asked for today.
    MailedEnough,
}

/// One order in a list.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// Where it is: with its token for orders found by password, without for those of this device.
    pub href: String,
    /// What was bought.
    pub product_name: &'a str,
    /// What it cost.
    pub amount: Money,
    /// Where it stands.
    pub stage: Stage,
    /// When it was made, Unix ms.
    pub created_at: Millis,
}

/// A page that says what went wrong and what is safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble<'a> {
    /// No such page.
    NoPage,
    /// No such order, or its link is cut off.
    NoOrder,
    /// Something failed; the request's id finds it in the log.
    Failed(&'a str),
    /// The keys cannot be shown right now.
    KeyUnavailable,
    /// The form came from another site.
    ForeignForm,
    /// Too much was sent, or in no form that reads.
    BadRequest,
    /// The shop is closed for everybody, after a restore.
    Closed,
}
