//! The smallest Lambda function that answers HTTP.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request| async { Ok::<_, std::convert::Infallible>(Response::new(Body::Empty)) })).await
}
