//! After a restore, before everything is looked at: claims of live orders that were lost are put back where nobody holds the
//! card. Nothing else is ever repaired.

use super::{ORDERS_PAGE, Report, unhex};
use crate::{App, AppError};
use domain::limits::STRIP_CARDS;
use domain::stock::Entry;
use domain::{Claim, ProductId};
use store::{Outcome, StoreError};

impl App {
    /// Puts claims of live orders back that a restore has lost, and opens strips up to the last one that is claimed.
    pub(super) async fn mend_page(&self, after: Option<&str>, report: &mut Report) -> Result<Option<String>, AppError> {
        let key = after.map(unhex).transpose()?;
        let page = self.store.scan_orders(key.as_deref(), ORDERS_PAGE).await?;
        for order in page.orders.iter().filter(|o| o.is_live() && self.fault_of(o).is_none()) {
            let claim = Claim { order: order.id, generation: order.generation };
            for run in &order.slots {
                self.open_up_to(&order.product, run.strip).await?;
                // A strip that does not read is named in the pass over all strips.
                let (found, _) = self.store.strips_with_faults(&order.product, &[run.strip]).await?;
                let Some(mut strip) = found.into_iter().next().map(|s| s.strip) else { continue };
                for position in run.positions().filter(|position| *position < STRIP_CARDS) {
                    if !matches!(strip.entries.get(usize::from(position)), None | Some(Entry::Free)) {
                        continue;
                    }
                    strip = match self.store.put_back(&order.product, &strip, position, claim).await? {
                        Outcome::Applied(now) => {
                            report.put_back += 1;
                            now
                        }
                        // Another audit was quicker, or the card is somebody's: the pass over all orders says which.
                        Outcome::AlreadyApplied(now) | Outcome::Refused(Some(now)) => now,
                        Outcome::Refused(None) => break,
                    };
                }
            }
        }
        Ok(page.next.map(|key| crate::keys::hex(&key)))
    }

    async fn open_up_to(&self, product: &ProductId, strip: u32) -> Result<(), AppError> {
        // A head that is missing or does not read is named in the pass over all strips; an outage is an error.
        let mut head = match self.store.head(product).await {
            Ok(Some(head)) => head,
            Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        while head.cursor <= strip {
            head = match self.store.move_cursor(product).await? {
                Outcome::Applied(head) | Outcome::AlreadyApplied(head) => head,
                Outcome::Refused(_) => return Ok(()),
            };
        }
        Ok(())
    }
}
