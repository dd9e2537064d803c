//! Pictures of the seller, kept as documents of the shop's table under a hash of their content.

use crate::{App, AppError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use store::ShopItem;

const KIND: &str = "picture";

/// Bytes of the hash that names a picture.
const NAME_BYTES: usize = 12;

impl App {
    /// Keeps a picture and answers its name. The same picture has the same name.
    pub async fn keep_picture(&self, picture: &[u8]) -> Result<String, AppError> {
        let hash = digest::digest(&digest::SHA256, picture);
        let name = crate::keys::hex(hash.as_ref().get(..NAME_BYTES).unwrap_or_default());
        let item = ShopItem { kind: KIND.to_owned(), id: name.clone(), doc: STANDARD.encode(picture), version: 1 };
        // One that stands there already is this one: its name is its content.
        self.store.create_shop_item(&item).await?;
        Ok(name)
    }

    /// The picture of a name.
    pub async fn picture(&self, name: &str) -> Result<Option<Vec<u8>>, AppError> {
        let Some(item) = self.store.shop_item(KIND, name).await? else { return Ok(None) };
        STANDARD.decode(item.doc).map(Some).map_err(|_| AppError::Setting("picture"))
    }
}
