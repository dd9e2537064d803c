//! The Lambda function `deliver`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    functions::deliver::run().await
}
