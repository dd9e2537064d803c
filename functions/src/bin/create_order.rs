//! The Lambda function `create_order`.

use functions::handlers::CreateOrder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<CreateOrder>().await
}
