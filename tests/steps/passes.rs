//! Scratch.
use tests::TestShop;
use tests::shop::cards;

#[tokio::test(start_paused = true)]
async fn scratch() {
    let t = std::time::Instant::now();
    let shop = TestShop::new(1).await;
    println!("shop {:?}", t.elapsed());
    let t = std::time::Instant::now();
    shop.product("p", 990, &cards("C", 96)).await;
    println!("product {:?}", t.elapsed());
    let counter = std::sync::Arc::new(tests::taps::Counter::default());
    let (_, app) = shop.tapped(counter.clone());
    let t = std::time::Instant::now();
    let b = shop.order("the-first-buyer-of-it", "p", 30).await;
    println!("order {:?}", t.elapsed());
    let t = std::time::Instant::now();
    app.reconcile(i64::MAX).await.unwrap();
    let seen = counter.take();
    println!("pass {:?} {}", t.elapsed(), seen.len());
    for s in &seen { println!("{} {}", s.target, s.table); }
    let t = std::time::Instant::now();
    shop.pay(&b, "T").await;
    println!("pay {:?}", t.elapsed());
    let t = std::time::Instant::now();
    shop.deliver_all().await;
    println!("deliver {:?}", t.elapsed());
    let t = std::time::Instant::now();
    shop.audit().await;
    println!("audit {:?}", t.elapsed());
    let t = std::time::Instant::now();
    shop.counts("p").await;
    println!("counts {:?}", t.elapsed());
    let t = std::time::Instant::now();
    shop.minutes(1).await;
    println!("minute {:?}", t.elapsed());
}
