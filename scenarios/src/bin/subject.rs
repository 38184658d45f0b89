//! The program whose acts are judged: one order as JSON on the command line, the outcome as exit status.

use std::process::exit;

use quell_scenarios::exit::{BAD_ORDER, failure_line};
use quell_scenarios::order::Order;
use quell_scenarios::perform::perform;

fn main() {
    let mut arguments = std::env::args();
    let (_, Some(order), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!("subject: expects exactly one argument, its order as JSON");
        exit(BAD_ORDER);
    };
    let order: Order = match serde_json::from_str(&order) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("subject: order not understood: {error}");
            exit(BAD_ORDER);
        }
    };
    // Not argv[0], which whoever starts us may choose freely.
    let own_image = std::path::Path::new("/proc/self/exe");
    match perform(&order, own_image) {
        Ok(status) => exit(status),
        Err(error) => {
            eprintln!("subject: {error}");
            if let Some((step, errno)) = error.failed_step() {
                eprintln!("{}", failure_line(step, errno));
            }
            exit(error.exit_status());
        }
    }
}
