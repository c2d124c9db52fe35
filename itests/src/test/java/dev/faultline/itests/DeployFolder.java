// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.launcher.Platform;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/** A running distribution and its folder {@code deploy}, as an operator uses it. */
final class DeployFolder implements AutoCloseable {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long LOOK_MILLIS = 20;

    private final Path folder;
    private final Path outside;
    private final Platform platform;

    /**
     * @param scratch an empty folder on the same file system
     */
    DeployFolder(Path scratch) throws Exception {
        folder = Files.createDirectory(scratch.resolve("deploy"));
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
        await(
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
        await("the bundle is gone", () -> context().getBundle(id) == null);
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

    <T> T service(Class<T> type) throws InterruptedException {
        ServiceReference<?> reference = platform.await(type.getName(), LIMIT_NANOS / 1_000_000);
        return type.cast(context().getService(reference));
    }

    static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + LIMIT_NANOS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not within a minute: " + what);
            }
            Thread.sleep(LOOK_MILLIS);
        }
    }

    @Override
    public void close() {
        platform.close();
    }
}
