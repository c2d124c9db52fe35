// SPDX-License-Identifier: Apache-2.0
package dev.faultline.launcher;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.startlevel.FrameworkStartLevel;

/**
 * Says why components are not there: bundles that did not resolve, components with unsatisfied
 * references, components whose activation failed.
 *
 * <p>Asks the component runtime by reflection, since the launcher is outside the framework's class
 * space.
 */
public final class Diagnosis {
    private static final String RUNTIME =
            "org.osgi.service.component.runtime.ServiceComponentRuntime";

    // ComponentConfigurationDTO, "state"
    private static final int UNSATISFIED_CONFIGURATION = 1;
    private static final int UNSATISFIED_REFERENCE = 2;
    private static final int FAILED_ACTIVATION = 16;

    private Diagnosis() {}

    /**
     * One line for each thing that is wrong; empty if every bundle is resolved and every component
     * satisfied.
     *
     * @throws ReflectiveOperationException if the component runtime is not the one expected
     */
    public static List<String> of(BundleContext context) throws ReflectiveOperationException {
        List<String> lines = new ArrayList<>();
        Bundle system = context.getBundle(Constants.SYSTEM_BUNDLE_LOCATION);
        int level = system.adapt(FrameworkStartLevel.class).getStartLevel();
        for (Bundle bundle : context.getBundles()) {
            boolean due =
                    bundle != system
                            && bundle.adapt(BundleStartLevel.class).getStartLevel() <= level;
            if (due
                    && bundle.getState() == Bundle.INSTALLED
                    && !Platform.isForAnotherHost(bundle)) {
                lines.add(
                        "bundle "
                                + bundle.getSymbolicName()
                                + " does not resolve: "
                                + Missing.of((Framework) system, bundle));
            }
        }
        ServiceReference<?> reference = Platform.find(context, RUNTIME);
        if (reference == null) {
            lines.add("the component runtime is not running");
            return lines;
        }
        Object runtime = context.getService(reference);
        Class<?> type = reference.getBundle().loadClass(RUNTIME);
        Collection<?> components =
                (Collection<?>)
                        type.getMethod("getComponentDescriptionDTOs", Bundle[].class)
                                .invoke(runtime, (Object) new Bundle[0]);
        for (Object component : components) {
            Collection<?> configurations =
                    (Collection<?>)
                            type.getMethod("getComponentConfigurationDTOs", component.getClass())
                                    .invoke(runtime, component);
            describe(component, configurations, lines);
        }
        return lines;
    }

    private static void describe(Object component, Collection<?> configurations, List<String> lines)
            throws ReflectiveOperationException {
        String name = (String) sure(component, "name");
        if (configurations.isEmpty() && "require".equals(get(component, "configurationPolicy"))) {
            return; // Waits to be configured, as it should.
        }
        if (configurations.isEmpty()) {
            lines.add("component " + name + " is disabled");
        }
        for (Object configuration : configurations) {
            switch ((int) sure(configuration, "state")) {
                case UNSATISFIED_CONFIGURATION ->
                        lines.add("component " + name + " lacks its configuration");
                case UNSATISFIED_REFERENCE -> describeReferences(name, configuration, lines);
                case FAILED_ACTIVATION ->
                        lines.add(
                                "component "
                                        + name
                                        + " failed: "
                                        + firstLine((String) get(configuration, "failure")));
                default -> {
                    // Satisfied or active.
                }
            }
        }
    }

    private static void describeReferences(String name, Object configuration, List<String> lines)
            throws ReflectiveOperationException {
        Object references = sure(configuration, "unsatisfiedReferences");
        for (int i = 0; i < Array.getLength(references); i++) {
            Object reference = Array.get(references, i);
            Object target = get(reference, "target");
            lines.add(
                    "component "
                            + name
                            + " waits for its reference \""
                            + get(reference, "name")
                            + "\""
                            + (target == null ? "" : " with " + target));
        }
    }

    private static String firstLine(@Nullable String text) {
        return text == null ? "no reason given" : text.lines().findFirst().orElse("");
    }

    /** Of a field that is never null. */
    private static Object sure(Object dto, String field) throws ReflectiveOperationException {
        return Objects.requireNonNull(get(dto, field), field);
    }

    private static @Nullable Object get(Object dto, String field)
            throws ReflectiveOperationException {
        return dto.getClass().getField(field).get(dto);
    }
}
