// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.wiring.BundleRevision;
import org.osgi.framework.wiring.FrameworkWiring;

/**
 * Takes in what others have put into the watched folders.
 *
 * <p>FileInstall looks at the folders once while it is started, and installs what it finds. It
 * starts those bundles from a thread of its own, some time after the framework is up: a command
 * that looks for their services would come too early in about half of all starts. So they are
 * resolved and started here, on the thread that starts the framework, and whatever prevents that is
 * named. The component runtime activates components on the thread that starts their bundle: if that
 * is FileInstall's after all, it is waited for. What comes later is FileInstall's alone.
 */
final class Deployed {
    /** The framework property that names the folders, separated by commas. */
    static final String FOLDERS = "felix.fileinstall.dir";

    private final Framework framework;
    private final Set<Long> ours;
    private final StartedBundles started;
    private final List<String> problems = new ArrayList<>();
    private final Set<String> told = ConcurrentHashMap.newKeySet();

    /**
     * @param framework started
     * @param ours ids of the bundles that belong to the installation
     * @param started has listened to the framework since before the first bundle started
     */
    Deployed(Framework framework, Set<Long> ours, StartedBundles started) {
        this.framework = framework;
        this.ours = ours;
        this.started = started;
    }

    /**
     * Resolves and starts the bundles that were added, in one pass.
     *
     * @return one line for each that cannot be resolved or does not start, and for each jar that is
     *     no bundle
     */
    List<String> takeIn() {
        BundleContext context = framework.getBundleContext();
        List<Bundle> added = new ArrayList<>();
        for (Bundle bundle : context.getBundles()) {
            if (bundle.getBundleId() != Constants.SYSTEM_BUNDLE_ID
                    && !ours.contains(bundle.getBundleId())) {
                added.add(bundle);
            }
        }
        if (!added.isEmpty()) {
            framework.adapt(FrameworkWiring.class).resolveBundles(added);
            added.forEach(this::start);
        }
        String folders = context.getProperty(FOLDERS);
        for (String folder : folders == null ? new String[0] : folders.split(",")) {
            lookForOthers(Path.of(folder.trim()), context.getBundles());
        }
        return problems;
    }

    /** Locations of the bundles that are named among the problems. */
    Set<String> told() {
        return told;
    }

    private void start(Bundle bundle) {
        try {
            BundleRevision revision = bundle.adapt(BundleRevision.class);
            if (revision == null) {
                return; // Removed meanwhile.
            }
            boolean fragment = (revision.getTypes() & BundleRevision.TYPE_FRAGMENT) != 0;
            if (bundle.getState() == Bundle.INSTALLED) {
                report(bundle, "does not resolve: " + Missing.of(framework, bundle));
            } else if (!fragment) {
                bundle.start(Bundle.START_ACTIVATION_POLICY);
                awaitComponents(bundle);
            }
        } catch (BundleException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            report(bundle, "does not start: " + cause);
        } catch (IllegalStateException e) {
            if (bundle.getState() != Bundle.UNINSTALLED) {
                throw e;
            }
        }
    }

    private void awaitComponents(Bundle bundle) {
        try {
            if (!started.await(bundle, Platform.TOLD_MILLIS)) {
                report(
                        bundle,
                        "is active, but its components were not after %d s"
                                .formatted(Platform.TOLD_MILLIS / 1000));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void report(Bundle bundle, String what) {
        told.add(bundle.getLocation());
        problems.add(
                shortName(bundle.getLocation())
                        + ": bundle "
                        + bundle.getSymbolicName()
                        + " "
                        + what);
    }

    /** The last two names of a location: the folder and the file. */
    private static String shortName(String location) {
        int file = location.lastIndexOf('/');
        int folder = location.lastIndexOf('/', file - 1);
        return location.substring(folder + 1);
    }

    /** Names jars that did not become a bundle: nobody else would say a word. */
    private void lookForOthers(Path folder, Bundle[] bundles) {
        List<Path> jars = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, "*.jar")) {
            stream.forEach(jars::add);
        } catch (IOException e) {
            return; // A folder that is not there is FileInstall's to name.
        }
        jars.sort(Comparator.naturalOrder());
        for (Path jar : jars) {
            String location = jar.toFile().toURI().toString();
            boolean known = false;
            for (Bundle bundle : bundles) {
                known |= bundle.getLocation().equals(location);
            }
            String why = known || Files.isDirectory(jar) ? null : noBundle(jar, bundles);
            if (why != null) {
                problems.add(shortName(location) + " was not installed: " + why);
            }
        }
    }

    /** Why the jar is no bundle; null if it is one and replaced another of the same name. */
    private static @Nullable String noBundle(Path jar, Bundle[] bundles) {
        try (JarFile file = new JarFile(jar.toFile())) {
            Manifest manifest = file.getManifest();
            String name =
                    manifest == null
                            ? null
                            : manifest.getMainAttributes().getValue(Constants.BUNDLE_SYMBOLICNAME);
            if (name == null) {
                return "it is no OSGi bundle: its manifest has no Bundle-SymbolicName";
            }
            for (Bundle bundle : bundles) {
                if (name.split(";")[0].trim().equals(bundle.getSymbolicName())) {
                    return null;
                }
            }
            return "the framework refused it; the log says why";
        } catch (IOException | SecurityException e) {
            return "it cannot be read as a jar: " + e.getMessage();
        }
    }
}
