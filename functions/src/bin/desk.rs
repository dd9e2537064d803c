//! The Lambda function `desk`.

use functions::routes::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http(Function::Desk).await
}
