//! The Lambda function `storefront`.

use functions::handlers::Storefront;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Storefront>().await
}
