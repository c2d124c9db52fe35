// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleRequirement;
import org.osgi.framework.wiring.BundleRevision;
import org.osgi.framework.wiring.FrameworkWiring;
import org.osgi.resource.Namespace;

/** Says for people what a bundle that does not resolve lacks. */
final class Missing {
    private static final Pattern PACKAGE =
            Pattern.compile("\\(" + PackageNamespace.PACKAGE_NAMESPACE + "=([^)]+)\\)");
    private static final Pattern LEAST = Pattern.compile("(?<!!)\\(version>=([^)]+)\\)");
    private static final Pattern BELOW = Pattern.compile("\\(!\\(version>=([^)]+)\\)\\)");

    private Missing() {}

    /** What nobody offers, or the framework's own words if there is somebody for everything. */
    static String of(Framework framework, Bundle bundle) {
        List<String> missing = new ArrayList<>();
        BundleRevision revision = bundle.adapt(BundleRevision.class);
        FrameworkWiring wiring = framework.adapt(FrameworkWiring.class);
        if (revision != null) {
            for (BundleRequirement r : revision.getDeclaredRequirements(null)) {
                if (isNeeded(r) && wiring.findProviders(r).isEmpty()) {
                    missing.add(describe(framework, r));
                }
            }
        }
        return missing.isEmpty()
                ? inTheFrameworksWords(bundle)
                : "nobody offers " + String.join(", nor ", missing);
    }

    private static boolean isNeeded(BundleRequirement r) {
        String resolution = r.getDirectives().get(Namespace.REQUIREMENT_RESOLUTION_DIRECTIVE);
        String effective = r.getDirectives().get(Namespace.REQUIREMENT_EFFECTIVE_DIRECTIVE);
        return (resolution == null || resolution.equals(Namespace.RESOLUTION_MANDATORY))
                && (effective == null || effective.equals(Namespace.EFFECTIVE_RESOLVE));
    }

    private static String describe(Framework framework, BundleRequirement r) {
        String filter = r.getDirectives().get(Namespace.REQUIREMENT_FILTER_DIRECTIVE);
        if (filter == null) {
            return r.getNamespace();
        }
        Matcher name = PACKAGE.matcher(filter);
        if (!r.getNamespace().equals(PackageNamespace.PACKAGE_NAMESPACE) || !name.find()) {
            return r.getNamespace() + " with " + filter;
        }
        Matcher least = LEAST.matcher(filter);
        Matcher below = BELOW.matcher(filter);
        String range = least.find() ? " " + least.group(1) + " or newer" : "";
        range += below.find() ? " below " + below.group(1) : "";
        TreeSet<String> there = versions(framework, name.group(1));
        return "package "
                + name.group(1)
                + range
                + (there.isEmpty() ? "" : " (there is " + String.join(", ", there) + ")");
    }

    private static TreeSet<String> versions(Framework framework, String packageName) {
        TreeSet<String> versions = new TreeSet<>();
        for (Bundle bundle : framework.getBundleContext().getBundles()) {
            BundleRevision revision = bundle.adapt(BundleRevision.class);
            if (revision == null) {
                continue;
            }
            for (BundleCapability c :
                    revision.getDeclaredCapabilities(PackageNamespace.PACKAGE_NAMESPACE)) {
                if (packageName.equals(c.getAttributes().get(PackageNamespace.PACKAGE_NAMESPACE))) {
                    Version v = (Version) c.getAttributes().get(Constants.VERSION_ATTRIBUTE);
                    versions.add((v == null ? Version.emptyVersion : v).toString());
                }
            }
        }
        return versions;
    }

    private static String inTheFrameworksWords(Bundle bundle) {
        try {
            bundle.start(Bundle.START_TRANSIENT);
            return "it resolves now"; // Somebody added what it lacked a moment ago.
        } catch (BundleException | IllegalStateException e) {
            String words = e.getMessage();
            return words == null ? e.toString() : words;
        }
    }
}
