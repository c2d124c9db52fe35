// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.launcher.Platform;
import dev.faultline.testkit.HangGuard;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceEvent;
import org.osgi.framework.ServiceListener;
import org.osgi.framework.ServiceReference;

/** A running distribution and its folder {@code deploy}, as an operator uses it. */
final class DeployFolder implements AutoCloseable {
    private final Path folder;
    private final Path outside;
    private final Platform platform;

    /**
     * @param scratch an empty folder on the same file system
     * @param there what lies in the folder before the start
     */
    DeployFolder(Path scratch, Path... there) throws Exception {
        folder = Files.createDirectory(scratch.resolve("deploy"));
        for (Path file : there) {
            Files.copy(file, folder.resolve(file.getFileName()));
        }
        outside = Files.createDirectory(scratch.resolve("outside"));
        platform =
                Distribution.bootTyped(
                        Map.of(
                                "felix.fileinstall.dir",
                                folder.toString(),
                                "felix.fileinstall.poll",
                                "100"));
    }

    /** Copies a file in, in one step: a poll may come at any time. */
    void put(Path file) throws IOException {
        Path copy = Files.copy(file, outside.resolve(file.getFileName()));
        Files.move(copy, folder.resolve(file.getFileName()), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Puts in the configuration of a PID, one KEY=VALUE a line. */
    void configure(String pid, String lines) throws IOException {
        Path file = Files.writeString(outside.resolve(pid + ".cfg"), lines);
        Files.move(file, folder.resolve(file.getFileName()), StandardCopyOption.ATOMIC_MOVE);
    }

    void remove(String name) throws IOException {
        Files.delete(folder.resolve(name));
    }

    /**
     * Removes a bundle's jar and returns when the bundle is gone and nothing refers to its classes
     * any more.
     */
    void removeAndAwaitNoTrace(Path jar, String className) throws Exception {
        String name = className.substring(0, className.lastIndexOf('.'));
        WeakReference<Class<?>> trace = trace(bundle(name).getBundleId(), className);
        removeAndAwaitGone(jar, name);
        HangGuard.until(
                "nothing refers to " + className,
                () -> {
                    System.gc();
                    return trace.refersTo(null);
                });
    }

    /** Removes a bundle's jar and returns when the bundle is gone. */
    void removeAndAwaitGone(Path jar, String symbolicName) throws Exception {
        long id = bundle(symbolicName).getBundleId();
        remove(jar.getFileName().toString());
        HangGuard.until("the bundle is gone", () -> context().getBundle(id) == null);
    }

    private WeakReference<Class<?>> trace(long id, String className) throws ClassNotFoundException {
        return new WeakReference<>(context().getBundle(id).loadClass(className));
    }

    Bundle bundle(String symbolicName) {
        for (Bundle b : context().getBundles()) {
            if (symbolicName.equals(b.getSymbolicName())) {
                return b;
            }
        }
        return null;
    }

    BundleContext context() {
        return platform.framework().getBundleContext();
    }

    /** What the platform complained of while it started. */
    List<String> problems() {
        return platform.problems();
    }

    <T> T service(Class<T> type) throws InterruptedException {
        ServiceReference<?> reference =
                platform.await(type.getName(), HangGuard.limit().toMillis());
        return type.cast(context().getService(reference));
    }

    /**
     * Returns when the bundle has registered such a service, be it already: a bundle that is put in
     * is installed, started and its components activated one after the other.
     */
    void awaitService(String symbolicName, Class<?> type) throws Exception {
        CountDownLatch registered = new CountDownLatch(1);
        ServiceListener listener =
                event -> {
                    if (event.getType() == ServiceEvent.REGISTERED
                            && isOf(event.getServiceReference(), symbolicName)) {
                        registered.countDown();
                    }
                };
        context()
                .addServiceListener(
                        listener, "(" + Constants.OBJECTCLASS + "=" + type.getName() + ")");
        try {
            ServiceReference<?>[] there = context().getAllServiceReferences(type.getName(), null);
            for (ServiceReference<?> r : there == null ? new ServiceReference<?>[0] : there) {
                if (isOf(r, symbolicName)) {
                    return;
                }
            }
            HangGuard.await(registered, symbolicName + " registers a " + type.getName());
        } finally {
            context().removeServiceListener(listener);
        }
    }

    private static boolean isOf(ServiceReference<?> reference, String symbolicName) {
        Bundle b = reference.getBundle();
        return b != null && symbolicName.equals(b.getSymbolicName());
    }

    @Override
    public void close() {
        platform.close();
    }
}
