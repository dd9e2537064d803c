//! The Lambda function `cards`.

use functions::handlers::Cards;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Cards>().await
}
