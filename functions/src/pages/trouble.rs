//! Pages that say what went wrong and what is safe.

use super::layout::html;
use super::view::{Frame, Trouble};
use askama::Template;

#[derive(Template)]
#[template(path = "trouble.html", whitespace = "minimize")]
struct Page<'a> {
    f: &'a Frame<'a>,
    trouble: Trouble<'a>,
}

/// The page of a trouble.
pub fn trouble(frame: &Frame<'_>, trouble: Trouble<'_>) -> String {
    html(&Page { f: frame, trouble })
}

impl Page<'_> {
    /// What happened.
    fn headline(&self) -> &'static str {
        match self.trouble {
            Trouble::NoPage => self.f.t("页面不存在", "No such page"),
            Trouble::NoOrder => self.f.t("没有这个订单，或链接不完整", "No such order, or the link is cut off"),
            Trouble::Failed(_) => self.f.t("出了点问题", "Something failed"),
            Trouble::KeyUnavailable => self.f.t("卡密暂时无法显示", "The key can’t be shown right now"),
            Trouble::ForeignForm => self.f.t("没有提交", "Nothing was sent"),
            Trouble::BadRequest => self.f.t("没有看懂这次提交", "That could not be read"),
            Trouble::Closed => self.f.t("店铺正在维护", "The shop is under maintenance"),
        }
    }

    /// What is safe, and what to do: the sentence goes on where the headline ends.
    fn words(&self) -> String {
        let (zh, en) = match self.trouble {
            Trouble::NoPage => (
                "可能是链接不完整，或页面已经下架。你的订单不受影响。",
                "The link may be cut off, or the page is gone. Your orders are not affected.",
            ),
            Trouble::NoOrder => {
                ("请完整复制链接，或用联系方式查询。", "Copy the whole link, or find the order by your contact.")
            }
            Trouble::Failed(id) => {
                return match self.f.t("zh", "en") {
                    "zh" => format!("已记录（编号 {id}）。已付的款不会丢，请稍后刷新。"),
                    _ => format!("It is recorded (ref {id}). Money paid is safe. Please refresh shortly."),
                };
            }
            Trouble::KeyUnavailable => {
                ("已记录，不影响你的订单。请 1 分钟后刷新。", "Your order is safe. Refresh in a minute.")
            }
            Trouble::ForeignForm => (
                "这次提交不是从本店页面发出的，为了安全没有处理，也没有扣款。请从本店页面重新操作。",
                "This was not sent from a page of this shop, so nothing was done and nothing was charged. Please start again from a page of this shop.",
            ),
            Trouble::BadRequest => (
                "内容过大或格式不对，没有处理，也没有扣款。请返回上一页再试一次。",
                "It was too large or malformed. Nothing was done and nothing was charged. Go back and try again.",
            ),
            Trouble::Closed => (
                "数据正在恢复，暂时不能下单和查看订单。已付的款和订单都有记录，恢复后照常发货。",
                "Data is being restored, so orders can’t be placed or viewed for now. Money paid and orders are on record and will be delivered afterwards.",
            ),
        };
        self.f.t(zh, en).to_owned()
    }

    /// Whether to come back to the same address is the next step.
    fn is_passing(&self) -> bool {
        matches!(self.trouble, Trouble::Failed(_) | Trouble::KeyUnavailable | Trouble::Closed)
    }
}
