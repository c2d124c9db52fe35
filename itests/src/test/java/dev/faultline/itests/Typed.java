// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.launcher.Platform;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.time.Duration;
import java.util.Dictionary;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceEvent;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.wiring.FrameworkWiring;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/** The shipped distribution in this process, its services used by their types. */
final class Typed implements AutoCloseable {
    private static final String MACHINES = "dev.faultline.machine.pc";

    /**
     * Milliseconds that a fault handler may take; those of these tests never hang, but a busy host
     * may not run them for a while.
     */
    private static final String PATIENCE = "600000";

    /** A service of the test's. */
    record Registered(ServiceRegistration<?> registration) implements AutoCloseable {
        @Override
        public void close() {
            registration.unregister();
        }
    }

    private final Platform platform;
    private final BundleContext context;

    Typed() throws IOException, BundleException {
        platform =
                Distribution.bootTyped(
                        Map.of(Distribution.SYSTEM_PACKAGES, "org.osgi.service.cm;version=1.6.1"));
        context = platform.framework().getBundleContext();
        configureAndAwait(MACHINES, Map.of("handler.deadline", PATIENCE));
    }

    <T> T service(Class<T> type) {
        ServiceReference<?>[] found = new ServiceReference<?>[1];
        HangGuard.until(
                type.getName() + " is there",
                () ->
                        (found[0] = context.getServiceReference(type.getName())) != null
                                && context.getService(found[0]) != null);
        return type.cast(context.getService(found[0]));
    }

    <T> Registered register(Class<T> type, T service) {
        return register(type, service, Map.of());
    }

    <T> Registered register(Class<T> type, T service, Map<String, ?> properties) {
        return new Registered(context.registerService(type, service, new Hashtable<>(properties)));
    }

    /** On the thread that takes the service away, before it is gone. Until the platform ends. */
    void onUnregistering(Class<?> type, Runnable action) throws InvalidSyntaxException {
        context.addServiceListener(
                event -> {
                    if (event.getType() == ServiceEvent.UNREGISTERING) {
                        action.run();
                    }
                },
                "(" + Constants.OBJECTCLASS + "=" + type.getName() + ")");
    }

    Bundle bundle(String name) {
        for (Bundle b : context.getBundles()) {
            if (b.getSymbolicName().equals(name)) {
                return b;
            }
        }
        throw new AssertionError("no bundle " + name);
    }

    /** Throws the classes of the bundle's former contents away, and returns when that is done. */
    void refresh(String name) throws InterruptedException {
        CountDownLatch done = new CountDownLatch(1);
        context.getBundle(0)
                .adapt(FrameworkWiring.class)
                .refreshBundles(List.of(bundle(name)), event -> done.countDown());
        HangGuard.await(done, "the framework refreshes " + name);
    }

    Machine machine(String name, String engine, String style, long ramBytes)
            throws MachineException {
        return service(MachineFactory.class)
                .create(new MachineConfig(name, ramBytes, 1, engine, style, List.of()));
    }

    /** The embedded guest, booted but not started. */
    Machine keyed(String name, String engine, String style) throws MachineException {
        Machine m = machine(name, engine, style, 64L << 20);
        m.boot(new MachineConfig.Boot(Program.keyed(), List.of(), "keys=10000"));
        return m;
    }

    void awaitEngine(String name) {
        HangGuard.until(
                "engine " + name + " is there",
                () -> service(MachineFactory.class).engines().contains(name));
    }

    /** Returns when the guest has executed something after this call. */
    void awaitProgress(Machine m, String when) {
        long before = m.statistics().instructions();
        try {
            HangGuard.until(
                    "the guest goes on " + when, () -> m.statistics().instructions() > before);
        } catch (AssertionError e) {
            VcpuExit exit = await(m);
            throw new AssertionError(e.getMessage() + "; it stands because of " + exit, e);
        }
    }

    private static VcpuExit await(Machine m) {
        try {
            return m.await(Duration.ZERO);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    /** One property of the machines' configuration; takes effect later. */
    void configure(String key, String value) throws IOException {
        update(
                service(ConfigurationAdmin.class).getConfiguration(MACHINES, "?"),
                Map.of(key, value));
    }

    /** Returns when the service that has this configuration has taken the properties. */
    void configureAndAwait(String pid, Map<String, String> properties) throws IOException {
        update(service(ConfigurationAdmin.class).getConfiguration(pid, "?"), properties);
        StringBuilder filter = new StringBuilder("(&(service.pid=" + pid + ")");
        properties.forEach((k, v) -> filter.append("(%s=%s)".formatted(k, v)));
        filter.append(')');
        awaitService(filter.toString());
    }

    void awaitService(String filter) {
        HangGuard.until("a service with " + filter, () -> present(filter));
    }

    private boolean present(String filter) {
        try {
            return context.getAllServiceReferences(null, filter) != null;
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(filter, e);
        }
    }

    /** A second interpreter, "interpreter-small", or other limits of it. */
    void smallInterpreter(int blockLength, int pages, int blocks) throws Exception {
        factoryConfiguration(
                "dev.faultline.cpu.interpreter",
                "small",
                Map.of(
                        "engine.name",
                        "interpreter-small",
                        "block.length",
                        blockLength,
                        "pages",
                        pages,
                        "blocks",
                        blocks));
    }

    void factoryConfiguration(String pid, String name, Map<String, ?> properties)
            throws IOException {
        update(
                service(ConfigurationAdmin.class).getFactoryConfiguration(pid, name, "?"),
                properties);
    }

    void removeFactoryConfiguration(String pid, String name) throws IOException {
        service(ConfigurationAdmin.class).getFactoryConfiguration(pid, name, "?").delete();
    }

    private static void update(Configuration c, Map<String, ?> properties) throws IOException {
        Dictionary<String, Object> all = c.getProperties();
        if (all == null) {
            all = new Hashtable<>();
        }
        properties.forEach(all::put);
        c.update(all);
    }

    @Override
    public void close() {
        platform.close();
    }
}
