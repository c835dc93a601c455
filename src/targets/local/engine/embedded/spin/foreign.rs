//! Imports that are not offered: they may be there, but not be called.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime::{Engine, Result, bail};
use wasmtime_wasi::p2::bindings::io;

/// No resource that is not offered ever comes to be.
enum Foreign {}

/// A component's resource type and what the linker has for it.
type Offered = (ResourceType, ResourceType);

/// Defines all interfaces that the component imports and `is_known` does not know, by their full names, and returns
/// these. Calling one of their functions is a trap that names function and interface. SDKs of some languages import
/// all that Spin has, whether it is used or not.
///
/// The names are taken exactly as the component has them: `is_known` must say yes to all versions that the linker
/// resolves to what it has already, or these are shadowed.
pub fn stub_foreign<T: 'static>(
    linker: &mut Linker<T>,
    component: &Component,
    engine: &Engine,
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let ty = component.component_type();
    let (mut stubbed, mut offered) = (Vec::new(), Vec::new());
    for (name, import) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
        if is_known(name) {
            offered.extend(
                interface.exports(engine).filter_map(|(item, export)| offered_resource(name, item, &export.ty)),
            );
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(engine) {
            stub(&mut instance, name, item, &export.ty, &offered)?;
        }
        stubbed.push(name.to_owned());
    }
    Ok(stubbed)
}

fn stub<T: 'static>(
    instance: &mut LinkerInstance<'_, T>,
    interface: &str,
    item: &str,
    ty: &ComponentItem,
    offered: &[Offered],
) -> Result<()> {
    match ty {
        ComponentItem::ComponentFunc(_) => {
            let message =
                format!("the component called `{item}` of `{interface}`, which the local target does not offer");
            instance.func_new(item, move |_, _, _, _| bail!("{message}"))
        }
        ComponentItem::Resource(ty) => {
            let known = offered.iter().find(|(known, _)| known == ty).map(|(_, host)| *host);
            instance.resource(item, known.unwrap_or(ResourceType::host::<Foreign>()), |_, _| Ok(()))
        }
        // Plain types need no definition; nothing else is in an interface.
        _ => Ok(()),
    }
}

/// An interface that is not offered may use a resource of one that is. Those of `wasi:io` are the ones that others use.
fn offered_resource(interface: &str, item: &str, ty: &ComponentItem) -> Option<Offered> {
    let ComponentItem::Resource(ty) = ty else { return None };
    let (interface, _version) = interface.split_once('@')?;
    let host = match (interface, item) {
        ("wasi:io/error", "error") => ResourceType::host::<io::error::Error>(),
        ("wasi:io/poll", "pollable") => ResourceType::host::<io::poll::Pollable>(),
        ("wasi:io/streams", "input-stream") => ResourceType::host::<io::streams::InputStream>(),
        ("wasi:io/streams", "output-stream") => ResourceType::host::<io::streams::OutputStream>(),
        _ => return None,
    };
    Some((*ty, host))
}
