//! The Lambda function `order`.

use functions::handlers::Order;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Order>().await
}
