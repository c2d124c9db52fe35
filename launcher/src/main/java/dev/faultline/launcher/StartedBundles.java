// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleListener;

/**
 * Which bundles have wholly started. A bundle is active a moment before the component runtime hears
 * of it, on the thread that started it, be it another one than ours. Listeners like this one are
 * told after all such have been: then its components are active.
 */
final class StartedBundles implements BundleListener {
    private final Set<Long> started = new HashSet<>();

    @Override
    public synchronized void bundleChanged(BundleEvent event) {
        long id = event.getBundle().getBundleId();
        switch (event.getType()) {
            case BundleEvent.STARTED -> started.add(id);
            case BundleEvent.STOPPED, BundleEvent.UNINSTALLED -> started.remove(id);
            default -> {} // neither begins nor ends it
        }
        notifyAll();
    }

    /**
     * Waits until an active bundle has wholly started, or is no longer active.
     *
     * @return false: it has not in time
     */
    synchronized boolean await(Bundle bundle, long millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (bundle.getState() == Bundle.ACTIVE && !started.contains(bundle.getBundleId())) {
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (left <= 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }
}
