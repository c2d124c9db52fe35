// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import dev.faultline.launcher.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarFile;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.ServiceReference;

/** The built distribution, started in this process; its services are used by their types. */
public final class Installation implements AutoCloseable {
    private static final String SYSTEM_PACKAGES = "org.osgi.framework.system.packages.extra";

    private static final long SERVICE_MILLIS = 30_000;

    private final Platform platform;
    private final MachineFactory machines;
    private String engine = "interpreter";

    /** Starts the distribution that the system property {@code faultline.home} names. */
    public Installation() throws IOException, BundleException {
        String home = System.getProperty("faultline.home");
        if (home == null) {
            throw new IllegalStateException("-Dfaultline.home=DIR is missing; use the script");
        }
        Path root = Path.of(home).toAbsolutePath();
        String api;
        try (JarFile jar =
                new JarFile(root.resolve("bundles/3-faultline/dev.faultline.api.jar").toFile())) {
            api = jar.getManifest().getMainAttributes().getValue("Export-Package");
        }
        platform = Platform.start(root, Platform.LEVEL_PLATFORM, Map.of(SYSTEM_PACKAGES, api));
        BundleContext context = platform.framework().getBundleContext();
        ServiceReference<MachineFactory> r = context.getServiceReference(MachineFactory.class);
        if (r == null) {
            platform.close();
            throw new IllegalStateException("no machine factory in " + root);
        }
        machines = context.getService(r);
    }

    /** Machines that are made from now on have this one; before, the interpreter. */
    public void setEngine(String engine) {
        this.engine = engine;
    }

    public Machine machine(String name, long ramBytes, int vcpus, String style)
            throws MachineException {
        Machine m =
                machines.create(new MachineConfig(name, ramBytes, vcpus, engine, style, List.of()));
        String refusal = m.engineRefusal();
        if (refusal != null) {
            m.close();
            throw new MachineException(engine + " does not run here: " + refusal);
        }
        return m;
    }

    /** For services of the benchmark's own. */
    public BundleContext context() {
        return platform.framework().getBundleContext();
    }

    /**
     * @throws IllegalStateException if it does not come; with what the platform complains about
     */
    public <T> T service(Class<T> type) throws InterruptedException {
        ServiceReference<?> r = platform.await(type.getName(), SERVICE_MILLIS);
        if (r == null) {
            throw new IllegalStateException("no " + type.getName() + ": " + platform.problems());
        }
        return type.cast(context().getService(r));
    }

    @Override
    public void close() {
        platform.close();
    }

    // ---- the Linux guest
}
