//! The Lambda function `desk`.

use functions::handlers::Desk;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Desk>().await
}
