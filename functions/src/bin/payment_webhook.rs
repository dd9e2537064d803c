//! The Lambda function `payment_webhook`.

use functions::handlers::PaymentWebhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    functions::run_http::<PaymentWebhook>().await
}
