//! The Lambda function `reveal`.

use functions::handlers::Reveal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<Reveal>().await
}
