//! The Lambda function `admin`.

use functions::handlers::Admin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Admin>().await
}
